"""The types that records are written in, `-O v|z|u|b` of bcftools, and the encoder of each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from vczero.errors import OptionError

if TYPE_CHECKING:
    from vczero.formats.encoder import Encoder
    from vczero.vcz.schema import Metadata

__all__ = ["OutputType", "record_encoder"]

_BY_NAME = {".vcf.gz": "z", ".vcf.bgz": "z", ".bcf": "b"}


class OutputType(NamedTuple):
    """Text or binary, compressed or not.

    Attributes:
        kind: "v" VCF, "z" VCF in BGZF, "u" BCF, "b" BCF in BGZF.
        level: of deflate, 0 to 9, or -1 for the usual one.
    """

    kind: str
    level: int = -1

    @classmethod
    def parse(cls, text: str) -> OutputType:
        """The type that `text` names: v, z, u or b, and of z and b perhaps a level, as in b1.

        Raises:
            OptionError: it names none.
        """
        match = re.fullmatch(r"([vu])|([zb])(\d)?", text)
        if match is None:
            raise OptionError(
                f"output type {text!r} is none of v (VCF), z (VCF in BGZF), u (BCF), b (BCF in BGZF); "
                "z and b may have a level from 0 to 9, as in b1"
            )
        return cls(match[1] or match[2], -1 if match[3] is None else int(match[3]))

    @classmethod
    def of_name(cls, path: str | None) -> OutputType:
        """The type that the end of a file's name stands for (as in bcftools 1.16); else VCF."""
        name = "" if path is None else path.lower()
        return cls(next((kind for end, kind in _BY_NAME.items() if name.endswith(end)), "v"))

    @property
    def is_compressed(self) -> bool:
        """Whether it is in BGZF."""
        return self.kind in "zb"

    @property
    def is_binary(self) -> bool:
        """Whether it is BCF."""
        return self.kind in "ub"


def record_encoder(
    metadata: Metadata,
    output_type: OutputType,
    *,
    genotypes: bool = True,
    header: bool = True,
    recount: bool = False,
    extra: Iterable[str] = (),
) -> Encoder:
    """The encoder that makes the type; the arguments are those of `VcfEncoder`.

    Raises:
        OptionError: BCF without a header, which nobody could read.
    """
    encoder: Encoder
    if output_type.is_binary:
        if not header:
            raise OptionError("BCF cannot be without a header")
        from vczero.formats.bcf import BcfEncoder

        encoder = BcfEncoder(metadata, genotypes=genotypes, recount=recount, extra=extra)
    else:
        from vczero.formats.vcf import VcfEncoder

        encoder = VcfEncoder(metadata, genotypes=genotypes, header=header, recount=recount, extra=extra)
    if output_type.is_compressed:
        from vczero.formats.bgzf import BgzfEncoder

        encoder = BgzfEncoder(encoder, level=output_type.level)
    return encoder
