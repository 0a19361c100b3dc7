"""What a VCF Zarr store holds, as values: fields, what missing means in them, and batches of them.

The names of arrays, of their axes and of their missing values are those of the VCF Zarr specification,
versions 0.1 to 0.5, and of what bio2zarr 0.2.1 writes. Nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import FieldNotFoundError
from vczero.strings import Strings

__all__ = [
    "FIXED_FIELDS",
    "Batch",
    "Category",
    "Column",
    "FieldInfo",
    "Metadata",
    "Passed",
    "Predicate",
    "Rewrite",
    "VcfType",
    "VczSchema",
    "describe_field",
    "guess_dims",
    "is_helper",
    "unknown_field",
]

Column: TypeAlias = npt.NDArray[Any] | Strings
Category: TypeAlias = Literal["fixed", "INFO", "FORMAT", "helper", "other"]
VcfType: TypeAlias = Literal["Integer", "Float", "Flag", "Character", "String"]
Definitions: TypeAlias = Mapping[tuple[str, str], Mapping[str, str]]

FIXED_FIELDS = {
    "variant_contig": "CHROM",
    "variant_position": "POS",
    "variant_id": "ID",
    "variant_allele": "ALT",
    "variant_quality": "QUAL",
    "variant_filter": "FILTER",
}
# Arrays that serve others and are no field of a VCF: `variant_length` gives regions their ends.
_HELPERS = frozenset({"variant_length", "variant_id_mask", "call_genotype_mask", "call_genotype_phased"})
_NUMBER_OF_DIM = {"alt_alleles": "A", "alleles": "R", "genotypes": "G"}
_TYPE_OF_KIND: dict[str, VcfType] = {"b": "Flag", "i": "Integer", "u": "Integer", "f": "Float"}


@dataclass(frozen=True, slots=True, eq=False)
class FieldInfo:
    """One field of a store, stored or computed, as its metadata describes it.

    Attributes:
        name: the array's name, such as `call_DP`.
        dtype: NumPy's; `StringDType` for variable-length text.
        shape: as stored, before any selection.
        dims: a name per axis; an axis without a name is "".
        attrs: the array's attributes.
        chunks: the chunk's length on each axis (of a sharded array, of its inner chunks).
        category: "INFO", "FORMAT", "fixed" (a column of VCF), "helper" (`*_mask`, `*_fill`, `variant_length`,
            `call_genotype_phased`: never a field of a VCF) or "other" (no variants axis).
        vcf_id: "DP" of `call_DP`; "GT" of `call_genotype`; "POS" of `variant_position`.
        vcf_number: Number as a header says it: "A", "R", "G", ".", or digits.
        vcf_type: Type as a header says it.
        description: the header's Description, or "".
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    attrs: Mapping[str, Any]
    chunks: tuple[int, ...]
    category: Category
    vcf_id: str
    vcf_number: str
    vcf_type: VcfType
    description: str

    def _repr_html_(self) -> str:
        from vczero.vcz.display import field_html

        return field_html(self)

    @property
    def has_variants_axis(self) -> bool:
        """Whether the first axis is variants."""
        return bool(self.dims) and self.dims[0] == "variants"

    @property
    def has_samples_axis(self) -> bool:
        """Whether the second axis is samples."""
        return len(self.dims) > 1 and self.dims[1] == "samples"


def is_helper(name: str, names: Iterable[str] = ()) -> bool:
    """Whether an array serves another one and is not a field of a VCF.

    `<name>_mask` and `<name>_fill` are helpers of `<name>` (VCF Zarr specification); where `names` is
    given, only if it holds `<name>`, for an INFO tag may end in `_mask` too.
    """
    if name in _HELPERS:
        return True
    base, _, suffix = name.rpartition("_")
    if suffix not in ("mask", "fill"):
        return False
    known = frozenset(names)
    return not known or base in known


def guess_dims(
    name: str, shape: tuple[int, ...], num_variants: int, num_samples: int
) -> tuple[str, ...] | None:
    """The axes' names, as far as name and shape leave no doubt about them ("" for the others); else None.

    By the specification `variant_*` has the axis variants first and no samples axis, `call_*` variants and
    samples.
    """
    if not shape or shape[0] != num_variants:
        return None
    inner = ("",) * (len(shape) - 1)
    if name == "variant_allele" and len(shape) == 2:
        return ("variants", "alleles")
    if name == "variant_filter" and len(shape) == 2:
        return ("variants", "filters")
    if name.startswith("variant_") and (len(shape) == 1 or shape[1] != num_samples):
        return ("variants", *inner)
    if name.startswith("call_") and len(shape) > 1 and shape[1] == num_samples:
        return ("variants", "samples", *inner[1:])
    return None


def describe_field(
    name: str,
    *,
    dtype: np.dtype[Any],
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    chunks: tuple[int, ...],
    attrs: Mapping[str, Any] | None = None,
    definitions: Definitions | None = None,
    names: Iterable[str] = (),
) -> FieldInfo:
    """A field's description from its metadata.

    Number and Type come from `definitions` (the header lines that a store up to version 0.3 keeps) where
    they name the field; else Number from the last axis (`alleles` R, `alt_alleles` A, `genotypes` G, any
    other ".") and Type from the dtype. A store does not say whether an axis of its own stands for a fixed
    or for an unknown Number; "." is right for both.
    """
    attrs = attrs or {}
    category, vcf_id = _classify(name, dims, names)
    definition = (definitions or {}).get((category, vcf_id), {})
    if vcf_id == "GT":
        number, vcf_type = "1", "String"
    else:
        number = definition.get("Number", "") or _number_from_axes(dims, dtype)
        vcf_type = definition.get("Type", "") or _type_from_dtype(dtype)
    if vcf_type not in ("Integer", "Float", "Flag", "Character", "String"):
        vcf_type = _type_from_dtype(dtype)
    return FieldInfo(
        name=name,
        dtype=dtype,
        shape=shape,
        dims=dims,
        attrs=attrs,
        chunks=chunks,
        category=category,
        vcf_id=vcf_id,
        vcf_number=number,
        vcf_type=vcf_type,  # type: ignore[arg-type]  # one of VcfType: checked above
        description=str(attrs.get("description") or definition.get("Description", "")),
    )


def _classify(name: str, dims: tuple[str, ...], names: Iterable[str]) -> tuple[Category, str]:
    """The category and the VCF ID of an array."""
    if name in FIXED_FIELDS:
        return "fixed", FIXED_FIELDS[name]
    if name == "call_genotype":
        return "FORMAT", "GT"
    prefix, _, rest = name.partition("_")
    if prefix not in ("variant", "call") or not rest or (dims and dims[0] not in ("variants", "")):
        return "other", name
    if is_helper(name, names):
        return "helper", rest
    return ("INFO" if prefix == "variant" else "FORMAT"), rest


def _number_from_axes(dims: tuple[str, ...], dtype: np.dtype[Any]) -> str:
    """Number from the axis after variants and samples."""
    inner = [dim for dim in dims if dim not in ("variants", "samples")]
    if inner:
        return _NUMBER_OF_DIM.get(inner[-1], ".")
    return "0" if dtype.kind == "b" else "1"


def _type_from_dtype(dtype: np.dtype[Any]) -> VcfType:
    """Type from the dtype: one fixed character is a Character, all other text a String."""
    if (dtype.kind == "S" and dtype.itemsize == 1) or (dtype.kind == "U" and dtype.itemsize == 4):
        return "Character"
    return _TYPE_OF_KIND.get(dtype.kind, "String")


class Metadata(Protocol):
    """What encoders may ask of a store: `VczReader` answers lazily, `VczSchema` from memory."""

    @property
    def sample_ids(self) -> npt.NDArray[Any]:
        """The selected samples' names, in the order of batches' samples axis; StringDType, (samples,)."""

    @property
    def contig_ids(self) -> npt.NDArray[Any]:
        """StringDType, (contigs,): `variant_contig` indexes it."""

    @property
    def contig_lengths(self) -> npt.NDArray[np.int64] | None:
        """int64, (contigs,), or None where the store has none."""

    @property
    def filter_ids(self) -> npt.NDArray[Any]:
        """StringDType, (filters,): the columns of `variant_filter`; empty where the store has none."""

    @property
    def filter_descriptions(self) -> npt.NDArray[Any] | None:
        """StringDType, (filters,), or None where the store has none."""

    @property
    def source(self) -> str | None:
        """The program that wrote the store."""

    @property
    def vcf_meta_information(self) -> list[tuple[str, str]] | None:
        """Header lines but INFO, FORMAT, FILTER and contig: (key, value), in order; None where not kept."""

    @property
    def field_names(self) -> frozenset[str]:
        """Names of the stored arrays."""

    def has_field(self, name: str) -> bool:
        """Whether the store has the field; reads at most its metadata, and never lists the store."""

    def get_field_info(self, name: str) -> FieldInfo:
        """The field's description; FieldNotFoundError where there is none."""

    def get_field_infos(self, names: Sequence[str]) -> list[FieldInfo]:
        """`get_field_info` of each, read at once."""


def _no_text() -> npt.NDArray[Any]:
    return np.empty(0, dtype=np.dtypes.StringDType())


@dataclass(frozen=True, slots=True, eq=False)
class VczSchema:
    """`Metadata` in memory: what is known of a store, as a value. Members as in `Metadata`."""

    fields: Mapping[str, FieldInfo]
    num_variants: int
    sample_ids: npt.NDArray[Any] = field(default_factory=_no_text)
    contig_ids: npt.NDArray[Any] = field(default_factory=_no_text)
    contig_lengths: npt.NDArray[np.int64] | None = None
    filter_ids: npt.NDArray[Any] = field(default_factory=_no_text)
    filter_descriptions: npt.NDArray[Any] | None = None
    source: str | None = None
    vcf_meta_information: list[tuple[str, str]] | None = None

    @property
    def field_names(self) -> frozenset[str]:
        """Names of the known fields."""
        return frozenset(self.fields)

    def has_field(self, name: str) -> bool:
        """Whether the field is known."""
        return name in self.fields

    def get_field_infos(self, names: Sequence[str]) -> list[FieldInfo]:
        """`get_field_info` of each."""
        return [self.get_field_info(name) for name in names]

    def get_field_info(self, name: str) -> FieldInfo:
        """The field's description.

        Raises:
            FieldNotFoundError: naming the field and those with near names.
        """
        info = self.fields.get(name)
        if info is None:
            raise unknown_field(name, self.fields)
        return info


def unknown_field(name: str, names: Iterable[str]) -> FieldNotFoundError:
    """The error for a field that a store lacks, with up to three near names."""
    import difflib

    near = difflib.get_close_matches(name, list(names), n=3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return FieldNotFoundError(f"the store has no field {name!r}{hint}", field=name)


class Passed(NamedTuple):
    """What a predicate lets through.

    Attributes:
        sites: bool, (variants,).
        samples: bool, (variants, samples), or None where all samples of a site share its fate. A site may
            pass without any of its samples (`QUAL>30 | FMT/GQ>20`).
    """

    sites: npt.NDArray[np.bool_]
    samples: npt.NDArray[np.bool_] | None


class Predicate(Protocol):
    """What decides which variants, and perhaps which of their samples, pass."""

    @property
    def columns(self) -> frozenset[str]:
        """The fields that `evaluate` reads, stored or computed."""

    def evaluate(self, batch: Batch) -> npt.NDArray[np.bool_] | Passed:
        """What passes: bool, (variants,) or (variants, samples), of which any is enough for the variant, or
        both as `Passed`. Called on workers, by several at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch(Mapping[str, npt.NDArray[Any]]):
    """The asked-for columns of one run of variants: a read-only mapping from field name to array.

    Attributes:
        columns: field name -> `ndarray` or `Strings`, variants axis first (a field without variants axis,
            such as `contig_id`, is whole). For encoders.
        variant_index: int64, (variants,). The variants' numbers in the store.
        sample_mask: bool, (variants, samples), or None. Which samples of each variant a predicate on FORMAT
        passed.
    """

    columns: Mapping[str, Column]
    variant_index: npt.NDArray[np.int64]
    sample_mask: npt.NDArray[np.bool_] | None = None
    _arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict, init=False, repr=False)

    @property
    def num_variants(self) -> int:
        """The number of variants in the batch."""
        return len(self.variant_index)

    @property
    def nbytes(self) -> int:
        """Bytes of memory that the columns hold."""
        return sum(column.nbytes for column in self.columns.values())

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """The column as a read-only array; text becomes StringDType now, on the caller's thread.

        Raises:
            KeyError: if the column was not asked for.
        """
        array = self._arrays.get(name)
        if array is None:
            column = self.columns[name]
            array = column.to_numpy() if isinstance(column, Strings) else column.view()
            array.flags.writeable = False
            self._arrays[name] = array
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        """The number of columns, as for every mapping; `num_variants` counts the variants."""
        return len(self.columns)


class Rewrite(Protocol):
    """What changes records between reading and encoding; made for a selection, it keeps no state."""

    @property
    def metadata(self) -> Metadata:
        """The store's, with the fields as they are afterwards: encoders are made for it."""

    def reads(self, columns: frozenset[str]) -> frozenset[str]:
        """The columns that `apply` needs to give these."""

    def apply(self, batch: Batch) -> Batch:
        """The batch as it is afterwards. On workers, by several at once; what it is given stays as it is."""
