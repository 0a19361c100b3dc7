"""`write_bgen`, `write_bgi` and `write_sample`: what `view-bgen` does, from Python."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.errors import OptionError
from vczero.formats.bgen import BgenOptions, BgenVariants, Compression, Field, Written, check_samples
from vczero.formats.bgenids import IdField
from vczero.formats.bgenindex import BgenIndex
from vczero.formats.encoder import BATCH_BYTES, Sink, write_all
from vczero.formats.output import DescriptorSink, Output, sinks_of
from vczero.formats.rowfile import RowSource
from vczero.formats.writing import Source, Watch, unwatched

if TYPE_CHECKING:
    from vczero.formats.bgenfile import BgenEncoder

__all__ = [
    "BgenSource",
    "Files",
    "selected",
    "survey",
    "write_bgen",
    "write_bgi",
    "write_files",
    "write_sample",
]

T = TypeVar("T", bound="BgenSource")

_FIRST_BYTES = 1000


class BgenSource(RowSource, Source, Protocol):
    """What is written: a `VczReader`, with the selection set on it."""

    def materialise_variant_filter(self) -> None:
        """Turn what selects variants into their numbers."""

    def variant_counts_per_chunk(self, fields: Any = ...) -> npt.NDArray[np.int64]:
        """The variants of each batch."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a BGEN file and what goes with it are written.

    Attributes:
        bgen: a path, or an open binary file.
        index, sample: paths; None: not written.
    """

    bgen: Output
    index: str | None = None
    sample: str | None = None


def selected(reader: T) -> tuple[T, int]:
    """A reader of what `reader` selects, by number, in the store's order; and how many variants that is."""
    reader = copy(reader)
    reader.materialise_variant_filter()
    return reader, int(reader.variant_counts_per_chunk().sum())


def survey(reader: BgenSource, variants: BgenVariants) -> Iterator[tuple[npt.NDArray[np.int64], Any]]:
    """Numbers and identities of the selected variants, by batches; checks that the format holds them."""
    columns = sorted({*variants.identity_columns, "variant_contig", "variant_position", "variant_index"})
    with reader.map_chunks(
        lambda batch: (batch.variant_index, variants.identities(batch)), columns, batch_bytes=BATCH_BYTES
    ) as found:
        yield from found


def write_bgen(
    reader: BgenSource,
    output: Output,
    *,
    field: Field = "GT",
    compression: Compression = "zlib",
    compression_level: int | None = None,
    unphased: bool = False,
    header_samples: bool = True,
    variant_id_field: IdField = "rsid",
    bgi_path: str | os.PathLike[str] | None = None,
    sample_path: str | os.PathLike[str] | None = None,
) -> int:
    """Write what a reader selects as BGEN, and return the number of bytes.

        with vczero.open("cohort.vcz", regions="chr22") as reader:
            vczero.write_bgen(reader, "chr22.bgen", bgi_path="chr22.bgen.bgi")

    Variants come in the store's order. Files at paths appear when they are complete, all or none.

    Args:
        reader: its selection of variants and samples is what is written.
        output: a path, or a binary file, which stays open.
        field, compression, unphased, header_samples, variant_id_field: see `BgenOptions`.
        compression_level: `BgenOptions.level`.
        bgi_path: where bgenix's index goes.
        sample_path: where the .sample file goes.

    Raises:
        RecordError: the format cannot hold a variant, or a sample's value makes no sense.
        OutputError: a file cannot be written.
        VczeroError: the store cannot be read.
        OSError: from `output`.
    """
    options = BgenOptions(
        field=field,
        compression=compression,
        level=compression_level,
        unphased=unphased,
        header_samples=header_samples,
        variant_id_field=variant_id_field,
    )
    return write_files(reader, Files(output, _path(bgi_path), _path(sample_path)), options)


def write_files(reader: BgenSource, files: Files, options: BgenOptions, watch: Watch = unwatched) -> int:
    """`write_bgen`, with options as a value; `watch` is entered around the scan, which it gets."""
    chosen, count = selected(reader)
    variants = BgenVariants(chosen, count, options)
    names = check_samples(chosen.sample_ids) if files.sample is not None else []
    outputs = [files.bgen, *(path for path in (files.index, files.sample) if path is not None)]
    if len({str(output) for output in outputs}) < len(outputs):
        raise OptionError("the BGEN file, its index and the .sample file need different names")
    with sinks_of(outputs) as sinks, ExitStack() as stack:
        sink, index = sinks[0], None
        if files.index is not None:
            index = stack.enter_context(BgenIndex(os.path.dirname(os.path.realpath(files.index))))
        if not isinstance(files.bgen, str | os.PathLike):
            for _ in survey(chosen, variants):
                pass
        scan = stack.enter_context(
            chosen.map_chunks(variants.written, sorted(variants.columns), batch_bytes=BATCH_BYTES)
        )
        stack.enter_context(watch(scan))
        size, first = _write(variants, scan, sink, index)
        if files.sample is not None:
            write_all(sinks[-1], _sample_text(names))
        if index is not None:
            # SQLite's file goes last: it has the size of the other, and when it was written.
            changed = os.fstat(sink.fileno()).st_mtime if isinstance(sink, DescriptorSink) else time.time()
            name = os.path.basename(str(files.index)).removesuffix(".bgi")
            index.finish(sinks[1], name=name, size=size, written=int(changed), first=first)
    return size


def write_sample(reader: Source, output: Output) -> int:
    """Write the selected samples as an Oxford .sample file, and return the number of bytes.

    Each name stands in both columns of names; nothing is missing.

    Raises:
        SelectionError: a name has white space in it.
        OutputError: the file cannot be written.
        OSError: from `output`.
    """
    text = _sample_text(check_samples(reader.sample_ids))
    with sinks_of([output]) as (sink,):
        return write_all(sink, text)


def write_bgi(encoder: BgenEncoder, output: Output, *, name: str = "") -> None:
    """Write bgenix's index of the file that a `BgenEncoder` is.

    Args:
        encoder: the file.
        output: a path, or a binary file.
        name: what the BGEN file is called; "": as `output` without ".bgi".

    Raises:
        OutputError: the index cannot be written.
    """
    path = _path(output) if isinstance(output, str | os.PathLike) else None
    folder = None if path is None else os.path.dirname(os.path.realpath(path))
    with sinks_of([output]) as (sink,), BgenIndex(folder) as index:
        at = 0
        for found in encoder.identities():
            bounds = encoder.offsets[at : at + len(found.counts) + 1]
            index.add(found.rows(), int(bounds[0]), np.diff(bounds).tolist())
            at += len(found.counts)
        name = name or os.path.basename(path or "virtual.bgen").removesuffix(".bgi")
        first = encoder.read(0, _FIRST_BYTES)
        index.finish(sink, name=name, size=encoder.size, written=int(time.time()), first=first)


def _write(
    variants: BgenVariants, scan: Iterable[Written], sink: Sink, index: BgenIndex | None
) -> tuple[int, bytes]:
    """Write header and variants; how many bytes they are, and the first of them."""
    header = variants.header()
    size, first = write_all(sink, header), header[:_FIRST_BYTES]
    for written in scan:
        start = size
        for buffer in written.buffers:
            if len(first) < _FIRST_BYTES:
                first += bytes(buffer[: _FIRST_BYTES - len(first)])
            size += write_all(sink, buffer)
        if index is not None:
            index.add(written.identities.rows(), start, written.sizes.tolist())
        del written
    return size, first


def _sample_text(names: Iterable[str]) -> bytes:
    lines = ["ID_1 ID_2 missing", "0 0 0", *(f"{name} {name} 0" for name in names)]
    return "".join(f"{line}\n" for line in lines).encode()


def _path(path: str | os.PathLike[str] | None) -> str | None:
    return None if path is None else os.fspath(path)
