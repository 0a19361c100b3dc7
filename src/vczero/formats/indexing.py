"""Indexes of VCF and BCF in BGZF, made by htslib (through pysam, which is optional)."""

from __future__ import annotations

import os
import stat
from functools import partial
from typing import TYPE_CHECKING, Any

from vczero.errors import MissingDependencyError, OptionError, OutputError
from vczero.formats.output import Companion

if TYPE_CHECKING:
    from vczero.formats.outputtype import OutputType

__all__ = ["index_of"]


def index_of(path: str | None, output_type: OutputType, kind: str) -> Companion:
    """The index of the file that will be at `path`, to be made when that is complete.

    Args:
        kind: "csi", or "tbi", which VCF alone can have.

    Raises:
        OptionError: such an output has no such index.
        MissingDependencyError: pysam is not installed.
    """
    if kind not in ("csi", "tbi"):
        raise OptionError(f"an index is csi or tbi, not {kind!r}")
    if not output_type.is_compressed:
        raise OptionError(
            f"--write-index is for -O z and -O b, which are in BGZF, not for -O {output_type.kind}"
        )
    if output_type.is_binary and kind == "tbi":
        raise OptionError("the index of BCF is csi, not tbi")
    if path is None or path == "-" or not _can_be_file(path):
        raise OptionError("--write-index needs a file to index: name it with --output")
    try:
        import pysam  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "--write-index needs pysam: pip install 'vczero[index]' (it does not exist for Windows)"
        ) from error
    return Companion(f"{path}.{kind}", partial(_make, path, binary=output_type.is_binary, csi=kind == "csi"))


def _can_be_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return True


def _make(name: str, place: str, index: str, *, binary: bool, csi: bool) -> None:
    """Index the file at `place`, called `name` in messages."""
    import pysam

    tabix_index: Any = pysam.tabix_index  # its types do not know of BCF
    verbosity = pysam.set_verbosity(0)
    try:
        tabix_index(place, preset="bcf" if binary else "vcf", csi=csi, index=index, force=True)
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot index {name}: the store's records are not sorted, or the disk is full"
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
