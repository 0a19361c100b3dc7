"""`Altered`: the metadata of a store with some fields added, described otherwise, or taken out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from vczero.errors import FieldNotFoundError
from vczero.vcz.schema import FieldInfo, Metadata, describe_field, unknown_field

__all__ = ["Altered", "info_field"]

_VERSION = "VCFv4.5"


class Altered:
    """`Metadata` that differs from `base` in the fields.

    Args:
        base: of the store, or of the rewrite before.
        fields: those that are new or described otherwise.
        removed: names of those that are no more.
        at_least_4_5: whether the header has to be that of VCF 4.5, or of a later version.
    """

    def __init__(
        self,
        base: Metadata,
        fields: Iterable[FieldInfo],
        *,
        removed: Collection[str] = (),
        at_least_4_5: bool = False,
    ) -> None:
        self._base = base
        self._fields = {field.name: field for field in fields}
        self._removed = frozenset(removed)
        self._is_newer = at_least_4_5

    @property
    def sample_ids(self) -> npt.NDArray[Any]:
        """As the base's."""
        return self._base.sample_ids

    @property
    def contig_ids(self) -> npt.NDArray[Any]:
        """As the base's."""
        return self._base.contig_ids

    @property
    def contig_lengths(self) -> npt.NDArray[np.int64] | None:
        """As the base's."""
        return self._base.contig_lengths

    @property
    def filter_ids(self) -> npt.NDArray[Any]:
        """As the base's."""
        return self._base.filter_ids

    @property
    def filter_descriptions(self) -> npt.NDArray[Any] | None:
        """As the base's."""
        return self._base.filter_descriptions

    @property
    def source(self) -> str | None:
        """As the base's."""
        return self._base.source

    @property
    def vcf_meta_information(self) -> list[tuple[str, str]] | None:
        """As the base's, but for the version."""
        lines = self._base.vcf_meta_information
        if not self._is_newer:
            return lines
        versions = [value for key, value in lines or () if key == "fileformat"]
        version = max([_VERSION, *versions])
        return [("fileformat", version), *(line for line in lines or () if line[0] != "fileformat")]

    @property
    def field_names(self) -> frozenset[str]:
        """Those of the base, with the changes."""
        return (self._base.field_names - self._removed) | self._fields.keys()

    def has_field(self, name: str) -> bool:
        """Whether the field is there afterwards."""
        return name in self._fields or (name not in self._removed and self._base.has_field(name))

    def get_field_info(self, name: str) -> FieldInfo:
        """The field's description; FieldNotFoundError where there is none."""
        return self.get_field_infos([name])[0]

    def get_field_infos(self, names: Sequence[str]) -> list[FieldInfo]:
        """`get_field_info` of each."""
        gone = [name for name in names if name in self._removed and name not in self._fields]
        if gone:
            raise self._unknown(gone[0])
        others = [name for name in names if name not in self._fields]
        known = dict(zip(others, self._base.get_field_infos(others), strict=True)) | self._fields
        return [known[name] for name in names]

    def _unknown(self, name: str) -> FieldNotFoundError:
        return unknown_field(name, self.field_names)


def info_field(
    metadata: Metadata,
    tag: str,
    number: Literal["A", "1", "."],
    vcf_type: Literal["Integer", "Float", "String"],
    description: str,
) -> FieldInfo:
    """The description of an INFO field that a rewrite makes; a description that the store has is kept."""
    name = f"variant_{tag}"
    dtypes: dict[str, Any] = {"Integer": np.int32, "Float": np.float32, "String": np.dtypes.StringDType()}
    dims = ("variants", "alt_alleles") if number == "A" else ("variants",)
    info = describe_field(
        name,
        dtype=np.dtype(dtypes[vcf_type]),
        shape=(0,) * len(dims),
        dims=dims,
        chunks=(1,) * len(dims),
        definitions={("INFO", tag): {"Number": number, "Type": vcf_type, "Description": description}},
    )
    stored = name in metadata.field_names and metadata.get_field_info(name).description
    return replace(info, description=stored) if stored else info
