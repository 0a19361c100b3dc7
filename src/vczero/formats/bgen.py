"""BGEN, layout 2 (format specification v1.2; zstd is of v1.3): a header, then a block for each variant.

Probabilities have 8 bits. Those of hard calls are 0 and 1; GP is rounded as the specification says; DS
becomes the probabilities of the two nearest numbers of ALT alleles.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from vczero.errors import FieldNotFoundError, OptionError, SelectionError, UnsupportedError
from vczero.formats.bgencodec import Codec, as_it_is, stored_layout, zlib_codec, zstd_codec
from vczero.formats.bgenids import Identities, IdField, identities, padded
from vczero.formats.bgenvalues import called_blocks, called_streams, dosage_blocks, likely_blocks
from vczero.formats.columns import strings_of
from vczero.kernels import bgen as kernels
from vczero.kernels.bgen import Values
from vczero.vcz.schema import Batch, Metadata

__all__ = ["BgenOptions", "BgenVariants", "Compression", "Field", "Written", "check_samples"]

Field: TypeAlias = Literal["GT", "GP", "DS"]
Compression: TypeAlias = Literal["zlib", "zstd", "none"]

_MAGIC: Final = b"bgen"
_FLAGS: Final = {"none": 0, "zlib": 1, "zstd": 2}
_LAYOUT: Final = 2 << 2
_HAS_SAMPLES: Final = 1 << 31
_FIELDS: Final = {"GT": "call_genotype", "GP": "call_GP", "DS": "call_DS"}
_IDENTITY: Final = ("variant_contig", "variant_position", "variant_id", "variant_allele")
_SLICE_BYTES: Final = 1 << 20
_MOST_BLOCK_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class BgenOptions:
    """How a BGEN file is made.

    Attributes:
        field: what probabilities come from: calls (GT), genotype probabilities (GP) or dosages (DS).
        compression: of the blocks.
        level: of the compression: for zlib -1 (zlib's own choice) to 9, of which 0 is a layout whose sizes
            are known before the data are read; for zstd 1 to 22. None: fast (zlib 1, zstd 3).
        unphased: whether phase is passed over.
        header_samples: whether the header has the samples' names.
        variant_id_field: which of BGEN's two names a variant's ID is; the other is ".".
        string_bytes: bytes of all names of a variant together, the unused one filled up, so that all variants
            have one size; wants two alleles, one ploidy and level 0. None: names take what they need.
        pad_byte: what fills it up, after a ".".
    """

    field: Field = "GT"
    compression: Compression = "zlib"
    level: int | None = None
    unphased: bool = False
    header_samples: bool = True
    variant_id_field: IdField = "rsid"
    string_bytes: int | None = None
    pad_byte: bytes = b"."

    def __post_init__(self) -> None:
        for name, value, known in (
            ("field", self.field, get_args(Field)),
            ("compression", self.compression, get_args(Compression)),
            ("variant_id_field", self.variant_id_field, get_args(IdField)),
        ):
            if value not in known:
                raise OptionError(f"{name} is {value!r}; it must be one of {', '.join(known)}")
        lowest, highest = {"zlib": (-1, 9), "zstd": (1, 22), "none": (0, 0)}[self.compression]
        if self.level is not None and not lowest <= self.level <= highest:
            raise OptionError(
                f"the compression level of {self.compression} is {lowest} to {highest}, not {self.level}"
            )
        if self.string_bytes is not None:
            if self.compression != "zlib" or self.level not in (None, 0):
                raise OptionError("variants of a fixed size need zlib at compression level 0")
            if not 5 <= self.string_bytes <= 0xFFFF:
                raise OptionError(f"the names of a variant take 5 to 65535 bytes, not {self.string_bytes}")
        if len(self.pad_byte) != 1 or not 0x20 <= self.pad_byte[0] < 0x7F:
            raise OptionError("the byte that fills up names must be one printable ASCII character")

    @property
    def is_stored(self) -> bool:
        """Whether sizes are known before the data are read."""
        return self.compression == "zlib" and (self.level == 0 or self.string_bytes is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Written:
    """What became of a batch.

    Attributes:
        buffers: the bytes, in order.
        sizes: int64, (variants,): how many are each variant's.
        identities: of the variants, for an index.
    """

    buffers: list[memoryview]
    sizes: npt.NDArray[np.int64]
    identities: Identities

    @property
    def nbytes(self) -> int:
        """Bytes of memory held, about."""
        return int(self.sizes.sum()) + 200 * len(self.sizes)


class BgenVariants:
    """BGEN of what a store holds, as an `Encoder`.

    Args:
        metadata: of the store and the selection.
        variants: how many are selected: the header says it.
        options: see there.

    Raises:
        FieldNotFoundError: the store lacks the field.
        SelectionError: no samples are selected.
        UnsupportedError: the format cannot hold the ploidy.
    """

    def __init__(self, metadata: Metadata, variants: int, options: BgenOptions) -> None:
        self.options = options
        self._variants = variants
        self._names = [str(name) for name in metadata.sample_ids]
        self._metadata = metadata
        self._contigs = strings_of(metadata.contig_ids)
        self._field = _FIELDS[options.field]
        if not metadata.has_field(self._field):
            raise FieldNotFoundError(f"the store has no {self._field} to make BGEN of", field=self._field)
        if not self._names:
            raise SelectionError("BGEN needs at least one sample")
        self.ploidy = 2
        if metadata.has_field("call_genotype"):
            self.ploidy = metadata.get_field_info("call_genotype").shape[2]
        if not 1 <= self.ploidy <= kernels.MOST_PLOIDY:
            raise UnsupportedError(
                f"call_genotype has ploidy {self.ploidy}: BGEN holds 1 to {kernels.MOST_PLOIDY}",
                array="call_genotype",
                feature="ploidy",
            )
        if variants >= 1 << 32:
            raise SelectionError(f"BGEN holds less than 2^32 variants, not {variants}")
        self.layout = stored_layout(self._names, self.ploidy, exact=options.string_bytes is not None)
        self._codec = self._choose()

    @property
    def columns(self) -> frozenset[str]:
        """The fields that a variant is made of, as far as the store has them."""
        wanted = {self._field, "variant_contig", "variant_position", *self.identity_columns}
        if self._metadata.has_field("call_genotype"):
            wanted.add("call_genotype")
        has_phase = self._metadata.has_field("call_genotype_phased")
        if self.options.field == "GT" and has_phase and not self.options.unphased:
            wanted.add("call_genotype_phased")
        return frozenset(wanted)

    @property
    def identity_columns(self) -> list[str]:
        """Those that `identities` wants."""
        return [name for name in _IDENTITY if self._metadata.has_field(name)]

    @property
    def recomputed(self) -> frozenset[str]:
        """None of them."""
        return frozenset()

    @property
    def num_samples(self) -> int:
        """The number of samples."""
        return len(self._names)

    def header(self) -> bytes:
        """The header block, and the samples' names if they are wanted."""
        names = b""
        flags = _FLAGS[self.options.compression] | _LAYOUT
        if self.options.header_samples:
            flags |= _HAS_SAMPLES
            encoded = [name.encode() for name in self._names]
            long = next((name for name in self._names if len(name.encode()) > 0xFFFF), None)
            if long is not None:
                raise SelectionError(
                    f"sample {long[:40]}...: BGEN holds names of 65535 bytes; use --no-header-samples"
                )
            names = b"".join(len(name).to_bytes(2, "little") + name for name in encoded)
            names = struct.pack("<II", len(names) + 8, len(encoded)) + names
        block = struct.pack("<III4sI", 20, self._variants, len(self._names), _MAGIC, flags)
        return struct.pack("<I", len(block) + len(names)) + block + names

    def encode(self, batch: Batch) -> list[memoryview]:
        """The batch's variants."""
        return self.written(batch).buffers

    def trailer(self) -> bytes:
        """Nothing: the last variant ends the file."""
        return b""

    def identities(self, batch: Batch) -> Identities:
        """What identifies the batch's variants; checked to fit the format."""
        found = identities(batch, self._contigs, self.options.variant_id_field)
        sizes = kernels.block_sizes(found.counts, self.num_samples, self.ploidy)
        large = np.flatnonzero(sizes > _MOST_BLOCK_BYTES)
        if len(large):
            row = int(large[0])
            raise found.refused(
                row,
                f"with {found.counts[row]} alleles its probabilities take more than a block may (1 GiB); "
                "leave it out with -M",
            )
        if self.options.string_bytes is not None:
            options = self.options
            return padded(found, options.variant_id_field, self.options.string_bytes, options.pad_byte)
        return found

    def written(self, batch: Batch) -> Written:
        """The batch's variants, and what an index is made of.

        Raises:
            RecordError: the format cannot hold a variant, or a sample's value makes no sense; names both.
        """
        found = self.identities(batch)
        buffers: list[memoryview] = []
        ends = [np.empty(0, np.int64)]
        for rows in self._slices(found):
            part = found[rows]
            payload, sizes = self._payload(batch, rows, part)
            data, offsets = kernels.variant_records(
                part.varids,
                part.rsids,
                part.contigs,
                part.positions,
                part.alleles,
                part.counts,
                payload,
                sizes,
            )
            buffers.append(data.data)
            ends.append(np.diff(offsets))
        return Written(buffers, np.concatenate(ends), found)

    def _slices(self, found: Identities) -> Iterator[slice]:
        """Runs of rows whose blocks, if they are kept, take as much memory as fits a processor's cache."""
        if self._codec is None:
            yield slice(0, len(found.counts))
            return
        sizes = kernels.block_sizes(found.counts, self.num_samples, self.ploidy)
        numbers = np.cumsum(sizes) // _SLICE_BYTES
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, stop in pairwise(starts):
            if stop > start:
                yield slice(start, stop)

    def _payload(
        self, batch: Batch, rows: slice, part: Identities
    ) -> tuple[Values, npt.NDArray[np.int64] | None]:
        """What a file has of some rows' probability blocks; if they are compressed, their sizes before."""
        values: Any = batch.columns[self._field]
        calls: Any = batch.columns.get("call_genotype")
        calls = None if calls is None else calls[rows]
        names = self._names
        if self.options.field == "GT":
            phased: Any = batch.columns.get("call_genotype_phased")
            phased = None if phased is None else phased[rows]
            if self._codec is None:
                return called_streams(calls, phased, part, names)
            blocks = called_blocks(calls, phased, part, names)
        else:
            make = likely_blocks if self.options.field == "GP" else dosage_blocks
            blocks = make(values[rows], calls, part, names)
        assert self._codec is not None
        return self._codec(blocks, part), None if self._codec is as_it_is else np.diff(blocks[1])

    def _choose(self) -> Codec | None:
        """How blocks are compressed; None: as they are made."""
        level = self.options.level
        if self.options.is_stored:
            return self.layout.store
        if self.options.compression == "none":
            return as_it_is
        if self.options.compression == "zstd":
            return zstd_codec(3 if level is None else level)
        if level in (None, 1) and self.options.field == "GT":
            return None
        return zlib_codec(1 if level is None else level)


def check_samples(names: npt.NDArray[Any]) -> list[str]:
    """The samples' names, fit for a .sample file.

    Raises:
        SelectionError: a name is empty or has white space in it, which there stands between columns.
    """
    found = [str(name) for name in names]
    for name in found:
        if not name or name.split() != [name]:
            raise SelectionError(
                f"sample {name!r:.80}: a .sample file holds no name that is empty or has white space; "
                "use --no-sample-file"
            )
    return found
