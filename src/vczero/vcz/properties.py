"""What a store says of itself: samples, contigs, filters, fields; each read when it is first asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vczero.errors import NotVczError
from vczero.strings import Strings
from vczero.vcz.catalog import Catalog
from vczero.vcz.derived import ALLELE, DERIVED, GENOTYPE, Derived, computable
from vczero.vcz.headertext import header_definitions, header_lines
from vczero.vcz.schema import Column, FieldInfo, describe_field

__all__ = ["StoreProperties"]

Text = npt.NDArray[Any]


class StoreProperties:
    """The metadata of a VCF Zarr store of version 0.1 to 0.5; the arrays it gives are read-only.

    Versions before 0.2 keep contigs and filters in attributes, those before 0.4 the VCF header in one; what
    an array does not tell is taken from there.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._infos: dict[str, FieldInfo] = {}
        self._texts: dict[str, tuple[str, ...]] = {}
        self._columns: dict[str, Column] = {}

    @property
    def num_variants(self) -> int:
        """Variants in the store."""
        return self._catalog.num_variants

    @property
    def num_samples(self) -> int:
        """Samples in the store, null samples among them."""
        return self._catalog.num_samples

    @cached_property
    def num_null_samples(self) -> int:
        """Samples without a name: placeholders that are never selected."""
        return self.num_samples - len(self.real_samples)

    @property
    def raw_sample_ids(self) -> Text:
        """StringDType, (samples of the store,): "" for null samples."""
        return _text(self.sample_names)

    @property
    def contig_ids(self) -> Text:
        """StringDType, (contigs,): what `variant_contig` counts."""
        return _text(self.contig_names)

    @cached_property
    def contigs(self) -> npt.NDArray[np.bytes_]:
        """`contig_ids` as fixed-width bytes."""
        return _fixed(self.contig_names)

    @cached_property
    def contig_lengths(self) -> npt.NDArray[np.int64] | None:
        """int64, (contigs,), in bases; None where the store has none."""
        if self._catalog.has("contig_length"):
            return _frozen(np.asarray(self._catalog.read("contig_length"), np.int64))
        lengths = self._catalog.attributes.get("contig_lengths")
        if not isinstance(lengths, list) or len(lengths) != len(self.contig_names):
            return None
        return _frozen(np.array(lengths, np.int64))

    @property
    def filter_ids(self) -> Text:
        """StringDType, (filters,): the columns of `variant_filter`; empty where the store has none."""
        return _text(self._filter_names)

    @cached_property
    def filters(self) -> npt.NDArray[np.bytes_]:
        """`filter_ids` as fixed-width bytes; PASS alone where the store has none."""
        return _fixed(self._filter_names or ("PASS",))

    @property
    def filter_descriptions(self) -> Text | None:
        """StringDType, (filters,); None where the store has none."""
        if self._catalog.has("filter_description"):
            return _text(self._names("filter_description"))
        lines = self._definitions
        known = [lines.get(("FILTER", name), {}).get("Description", "") for name in self._filter_names]
        return _text(known) if any(known) else None

    @cached_property
    def region_index(self) -> npt.NDArray[Any] | None:
        """Integers, (contig runs, 6): chunk, contig, start, end, max end, count; None if there is none."""
        if not self._catalog.has("region_index"):
            return None
        table = np.asarray(self._catalog.read("region_index"))
        if table.ndim != 2 or table.shape[1] != 6 or table.dtype.kind not in "iu":
            raise NotVczError(
                f"{self._catalog.store.name}: region_index is not a table of six integer columns"
            )
        return _frozen(table)

    @property
    def version(self) -> str | None:
        """Of the VCF Zarr specification."""
        return _text_or_none(self._catalog.attributes.get("vcf_zarr_version"))

    @property
    def source(self) -> str | None:
        """The program that wrote the store."""
        return _text_or_none(self._catalog.attributes.get("source"))

    @cached_property
    def vcf_meta_information(self) -> list[tuple[str, str]] | None:
        """Header lines but INFO, FORMAT, FILTER and contig: (key, value), in order; None where not kept."""
        lines = self._catalog.attributes.get("vcf_meta_information")
        if isinstance(lines, list):
            pairs = [line for line in lines if isinstance(line, list) and len(line) == 2]
            return [(str(key), str(value)) for key, value in pairs]
        header = self._catalog.attributes.get("vcf_header")
        return header_lines(header) if isinstance(header, str) else None

    @property
    def field_names(self) -> frozenset[str]:
        """Names of all stored arrays. Lists the store, unless its metadata are consolidated."""
        return self._catalog.names

    def has_field(self, name: str) -> bool:
        """Whether the store has the array; reads at most its metadata, and lists nothing."""
        return self._catalog.has(name)

    def get_field_info(self, name: str) -> FieldInfo:
        """A field's name, dtype, shape, axes, attributes, and its VCF ID, Number, Type and Description.

        Raises:
            FieldNotFoundError: the field is neither stored nor can it be computed.
        """
        return self.get_field_infos([name])[0]

    def get_field_infos(self, names: Sequence[str]) -> list[FieldInfo]:
        """`get_field_info` of each; the metadata that are not known yet are read at once."""
        missing = [name for name in names if name not in self._infos]
        if missing:
            self._catalog.prepare([*missing, GENOTYPE, ALLELE])  # of which most computed fields are made
        computed = [name for name in missing if name in self.virtual_field_names and not self.has_field(name)]
        missing = [name for name in missing if name not in computed]
        if missing:
            self._catalog.metas(missing, attributes=True)
        for name in computed:
            self._infos[name] = self._describe_computed(DERIVED[name])
        for name in missing:
            meta = self._catalog.meta(name)
            self._infos[name] = describe_field(
                name,
                dtype=meta.dtype,
                shape=meta.shape,
                dims=self._catalog.dims(name) or ("",) * meta.ndim,
                chunks=meta.chunk_shape,
                attrs=meta.attributes,
                definitions=self._definitions,
                names=self._catalog.known_names,
            )
        return [self._infos[name] for name in names]

    def _describe_computed(self, field: Derived) -> FieldInfo:
        alts = self._catalog.meta(ALLELE).shape[1] - 1 if "alt_alleles" in field.dims else 0
        shape = (self.num_variants, alts)[: len(field.dims)]
        attrs = {"description": field.description}
        return describe_field(
            field.name, dtype=field.dtype, shape=shape, dims=field.dims, chunks=shape, attrs=attrs
        )

    @cached_property
    def virtual_field_names(self) -> frozenset[str]:
        """Names of the fields that can be computed from what the store has."""
        return frozenset(name for name in DERIVED if computable(name, self._catalog.has))

    @cached_property
    def _definitions(self) -> dict[tuple[str, str], dict[str, str]]:
        header = self._catalog.attributes.get("vcf_header")
        return header_definitions(header) if isinstance(header, str) else {}

    @property
    def sample_names(self) -> tuple[str, ...]:
        """`raw_sample_ids` as `str`."""
        return self._names("sample_id")

    @property
    def contig_names(self) -> tuple[str, ...]:
        """`contig_ids` as `str`."""
        return self._names("contig_id", "contigs")

    @property
    def _filter_names(self) -> tuple[str, ...]:
        return self._names("filter_id", "filters")

    @cached_property
    def real_samples(self) -> npt.NDArray[np.int64]:
        """int64: the places of samples that are not null, ascending."""
        if not self._catalog.has("sample_id"):
            return _frozen(np.empty(0, np.int64))
        column = self._column("sample_id")
        # Lengths will do: `str`s of a million names take a while.
        lengths = np.diff(column.offsets) if isinstance(column, Strings) else np.strings.str_len(column)
        return _frozen(np.flatnonzero(lengths).astype(np.int64))

    def _column(self, name: str) -> Column:
        """An array of text, read once."""
        column = self._columns.get(name)
        if column is None:
            column = self._columns[name] = self._catalog.read(name)
        return column

    def _names(self, name: str, attribute: str = "") -> tuple[str, ...]:
        """The values of an array of text; those of an attribute of the root where there is no such array."""
        names = self._texts.get(name)
        if names is None:
            if self._catalog.has(name):
                column = self._column(name)
                array = column.to_objects() if isinstance(column, Strings) else column
                names = tuple(v.decode() if isinstance(v, bytes) else str(v) for v in array.tolist())
            else:
                values = self._catalog.attributes.get(attribute, []) if attribute else []
                names = tuple(map(str, values)) if isinstance(values, list) else ()
            self._texts[name] = names
        return names


def _text(names: Sequence[str]) -> Text:
    """A new array each time: StringDType arrays must not be shared between threads (numpy issue 31415)."""
    return _frozen(np.array(names, np.dtypes.StringDType()))


def _frozen(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array.flags.writeable = False
    return array


def _fixed(names: Sequence[str]) -> npt.NDArray[np.bytes_]:
    return _frozen(np.array([name.encode() for name in names], np.bytes_))


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)
