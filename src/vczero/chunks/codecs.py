"""From the stored bytes of a chunk to its array: one compiled decoder per array.

Pure: no I/O, no state, any thread. What can be known from the metadata is worked out by `compile_decoder`, so
    that decoding
a small chunk costs little more than the library's own call. Three ways lead to the elements, the quickest
that is right being taken: a byte range of the chunk (no filters, C order, and either no compressor or Blosc
alone), the whole chunk straight into the destination, and the whole chunk by way of filters and transposed
axes.

Arrays that are made here are C-contiguous, writable and the caller's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vczero.chunks import blosc
from vczero.chunks.blosc_index import SparseBlosc
from vczero.chunks.chain import Chain, Transpose, UnknownCodecError, parse_chain
from vczero.chunks.compressors import Buffer, check_size
from vczero.chunks.documents import MAX_CHUNK_BYTES
from vczero.chunks.dtypes import is_variable_length
from vczero.chunks.grid import Rows, row_runs
from vczero.chunks.metadata import ArrayMeta
from vczero.errors import ChunkError
from vczero.kernels.strings import decode_vlen
from vczero.strings import Strings

__all__ = ["Buffer", "Decoder", "Stored", "compile_decoder"]

_Runs = Sequence[tuple[int, int]]
_Array = npt.NDArray[Any]
_Bytes = npt.NDArray[np.uint8]
Stored = Buffer | SparseBlosc
"""The stored bytes of a chunk, or the Blosc blocks of it that hold the wanted rows."""

_SMALL_BYTES = 2**16  # no gain is to be had from parts of a smaller chunk

_ReadWhole = Callable[[Any, _Array], None]  # fills a contiguous array of the whole chunk
_ReadSpans = Callable[[Any, _Bytes, _Runs], None]  # fills (rows, row bytes) with runs of the decoded bytes
_ReadText = Callable[[Any, _Runs], list[Strings]]  # runs of rows of the whole chunk


class Decoder(Protocol):
    """Decodes the chunks of one array; has no state and may be used by any number of threads at once."""

    @property
    def blosc_row_bytes(self) -> int | None:
        """Decoded bytes of a row, if a chunk is one Blosc buffer of rows side by side; else None.

        Its blocks then decode by themselves, and may be fetched so (`blosc_index.fetch`).
        """
        ...

    def decode(
        self, data: Stored | None, shape: tuple[int, ...], *, out: _Array | None = None, rows: Rows = None
    ) -> _Array | Strings:
        """The chunk's elements: an array (`shape`) of the array's dtype, or `Strings` for variable-length
        values.

        Args:
            data: the stored bytes, contiguous; None where the chunk is absent, which gives the fill value.
                Where `blosc_row_bytes` is set, a `SparseBlosc` that holds the rows will do.
            shape: of the chunk, clamped at the array's edge.
            out: array to decode into, of the result's shape and dtype; may be strided along axis 0. Not for
                values of variable length. It is returned. After an error its contents are undefined.
            rows: those rows of axis 0 alone, relative to the chunk; one run after the other in the result.

        Raises:
            ChunkError: the bytes do not decode to what the metadata promises. It has a reason only:
                the caller, who knows them, adds array, coordinates and key.
            ValueError: `out` does not fit.
        """
        ...


def compile_decoder(meta: ArrayMeta) -> Decoder:
    """A decoder for the chunks of `meta`.

    Raises:
        UnsupportedError: neither vczero nor zarr-python decodes a codec of the array.
        MetadataError: the chain of codecs makes no sense.
        MissingDependencyError: the codec needs zarr-python, and that is not installed.
    """
    try:
        chain = parse_chain(meta)
    except UnknownCodecError as error:
        from vczero.chunks.foreign import ForeignChunks

        foreign = ForeignChunks(meta, f"codec {error.args[0]!r}")
        if is_variable_length(meta.dtype):
            return _TextDecoder(
                meta, lambda data, runs: _rows_of(Strings.from_values(foreign.decode(data)), runs)
            )
        return _FixedDecoder(meta, lambda data, out: np.copyto(out, foreign.decode(data)), None)
    if chain.stored != "bytes":
        return _TextDecoder(meta, _text_reader(meta, chain))
    if chain.is_plain and chain.stored_dtype == meta.dtype:
        if [name.removeprefix("numcodecs.") for name, _ in chain.bytes_codecs] == ["blosc"]:
            return _blosc_decoder(meta)
        return _FixedDecoder(meta, _direct_reader(chain), None if chain.bytes_codecs else _copy_spans(meta))
    return _FixedDecoder(meta, _filtered_reader(meta, chain), None)


class _FixedDecoder:
    """Values of one size: `whole` reads all of a chunk, `spans` (where there is one) some of its bytes."""

    __slots__ = ("_chunk_shape", "_dtype", "_fill", "_row_bytes", "_spans", "_whole", "blosc_row_bytes")

    def __init__(
        self,
        meta: ArrayMeta,
        whole: _ReadWhole,
        spans: _ReadSpans | None,
        *,
        is_blosc: bool = False,
    ) -> None:
        self._chunk_shape = meta.chunk_shape
        self._dtype = meta.dtype
        self._row_bytes = math.prod(meta.chunk_shape[1:]) * meta.dtype.itemsize
        self.blosc_row_bytes = self._row_bytes if is_blosc and meta.ndim else None
        self._whole = whole
        self._spans = spans
        fill = np.array(meta.fill_value, meta.dtype)
        self._fill = fill if any(fill.tobytes()) else None  # zeroed memory is cheaper than filled memory

    def decode(
        self, data: Stored | None, shape: tuple[int, ...], *, out: _Array | None = None, rows: Rows = None
    ) -> _Array:
        if rows is None and shape == self._chunk_shape and data is not None:
            if out is None:
                out = self._new(shape)
                self._whole(data, out)
                return out
            if out.flags.c_contiguous and out.dtype == self._dtype and out.shape == shape:
                self._whole(data, out)
                return out
        runs, result_shape = _runs(rows, shape)
        if out is not None and (out.shape != result_shape or out.dtype != self._dtype):
            raise ValueError(f"out is {out.dtype} {out.shape}, not {self._dtype} {result_shape}")
        if data is None:
            return self._filled(result_shape, out)
        if self._spans is None or not shape:
            whole = self._new(self._chunk_shape)
            self._whole(data, whole)
            parts = [whole[start:stop] for start, stop in runs] if shape else [whole]
            return _place(parts, result_shape, self._dtype, out)
        if shape[1:] == self._chunk_shape[1:]:
            if out is None:
                return self._read_runs(data, runs, self._new(result_shape))
            if out[:1].flags.c_contiguous:
                return self._read_runs(data, runs, out)
        rows_of_chunk = self._new((result_shape[0], *self._chunk_shape[1:]))
        return _place([self._read_runs(data, runs, rows_of_chunk)], result_shape, self._dtype, out)

    def _read_runs(self, data: Stored, runs: _Runs, out: _Array) -> _Array:
        """`out`, whose rows are contiguous and as long as the chunk's, with runs of rows."""
        width = self._row_bytes
        spans = [(start * width, stop * width) for start, stop in runs if start < stop]
        if spans:
            assert self._spans is not None
            self._spans(data, out.reshape(len(out), -1).view(np.uint8), spans)
        return out

    def _new(self, shape: tuple[int, ...], make: Callable[..., _Array] = np.empty) -> _Array:
        try:
            return make(shape, self._dtype)
        except MemoryError:
            raise ChunkError(f"{math.prod(shape) * self._dtype.itemsize} bytes cannot be allocated") from None

    def _filled(self, shape: tuple[int, ...], out: _Array | None) -> _Array:
        if out is None:
            out = self._new(shape, np.zeros if self._fill is None else np.empty)
            if self._fill is None:
                return out
        out[...] = np.zeros((), self._dtype) if self._fill is None else self._fill
        return out


def _place(
    parts: Sequence[_Array], shape: tuple[int, ...], dtype: np.dtype[Any], out: _Array | None
) -> _Array:
    """The rows of `parts`, each trimmed to `shape` in the axes but the first, in `out` or a new array."""
    inner = tuple(slice(0, length) for length in shape[1:])
    if out is None and len(parts) == 1 and parts[0].shape == shape and parts[0].base is None:
        return parts[0]
    result = np.empty(shape, dtype) if out is None else out
    if not shape:
        result[...] = parts[0]
        return result
    at = 0
    for part in parts:
        result[at : at + len(part)] = part[(slice(None), *inner)]
        at += len(part)
    return result


def _runs(rows: Rows, shape: tuple[int, ...]) -> tuple[_Runs, tuple[int, ...]]:
    """Runs of rows as (start, stop), and the shape of what they hold."""
    if not shape:
        return [(0, 1)], shape
    if rows is None:
        return [(0, shape[0])], shape
    runs = []
    for run in row_runs(rows, shape[0]):
        start, stop, step = run.indices(shape[0])
        if step != 1:
            raise ValueError(f"rows {rows} do not have step 1")
        runs.append((start, max(start, stop)))
    return runs, (sum(stop - start for start, stop in runs), *shape[1:])


def _direct_reader(chain: Chain) -> _ReadWhole:
    """Reads chunks whose decoded bytes are the elements, straight into the destination."""
    if not chain.bytes_codecs:

        def copy(data: Buffer, out: _Array) -> None:
            check_size(len(data), out.nbytes)
            out.reshape(-1).view(np.uint8)[:] = np.frombuffer(data, np.uint8)

        return copy
    into = chain.bytes_codecs[0][1].into
    if len(chain.bytes_codecs) == 1:
        return lambda data, out: into(data, out.reshape(-1).view(np.uint8))
    outer = _decompressor(chain, 1)
    return lambda data, out: into(outer(data), out.reshape(-1).view(np.uint8))


def _copy_spans(meta: ArrayMeta) -> _ReadSpans:
    """Reads byte ranges of chunks that are not compressed."""
    size = math.prod(meta.chunk_shape) * meta.dtype.itemsize

    def copy(data: Buffer, out: _Bytes, spans: _Runs) -> None:
        check_size(len(data), size)
        stored = np.frombuffer(data, np.uint8)
        row = 0
        for start, stop in spans:
            rows = stored[start:stop].reshape(-1, out.shape[1])
            out[row : row + len(rows)] = rows
            row += len(rows)

    return copy


def _blosc_decoder(meta: ArrayMeta) -> _FixedDecoder:
    """For elements in C order behind Blosc and nothing else, of which blocks can be decoded singly."""
    size = math.prod(meta.chunk_shape) * meta.dtype.itemsize
    whole_span = ((0, size),)
    decompress = blosc.decompress_spans

    def whole(data: Any, out: _Array) -> None:
        decompress(data, size, out.reshape(1, -1).view(np.uint8), whole_span)

    def spans(data: Any, out: _Bytes, wanted: _Runs) -> None:
        decompress(data, size, out, wanted)

    if size <= _SMALL_BYTES:
        return _FixedDecoder(meta, whole, None)
    return _FixedDecoder(meta, whole, spans, is_blosc=True)


def _decompressor(chain: Chain, first: int) -> Callable[[Buffer], Buffer]:
    """Undoes the codecs from bytes to bytes, the last first, down to number `first`."""
    steps = [(codec.decode, chain.sizes[i]) for i, (_, codec) in enumerate(chain.bytes_codecs)][first:][::-1]

    def decompress(data: Buffer) -> Buffer:
        for decode, size in steps:
            data = decode(data, size)
        return data

    return decompress


def _filtered_reader(meta: ArrayMeta, chain: Chain) -> _ReadWhole:
    """Reads chunks that have filters, transposed axes, or another byte order than the array."""
    decompress = _decompressor(chain, 0)
    transposes = [codec for codec in chain.array_codecs if isinstance(codec, Transpose)]
    decode_filters = [codec.decode for codec in chain.array_codecs if not isinstance(codec, Transpose)][::-1]
    stored_shape = transposes[-1].stored_shape if transposes else meta.chunk_shape
    axes = [tuple(np.argsort(transpose.order).tolist()) for transpose in transposes[::-1]]
    count = math.prod(stored_shape)

    def whole(data: Buffer, out: _Array) -> None:
        elements: _Array = np.frombuffer(decompress(data), np.uint8)
        check_size(len(elements), chain.sizes[0] or 0)
        for decode in decode_filters:
            elements = decode(elements)
        if elements.nbytes == out.nbytes and (elements.dtype == np.uint8 or meta.zarr_format == 2):
            elements = elements.view(meta.dtype if decode_filters else chain.stored_dtype)
        if len(elements) != count:
            raise ChunkError(f"its filters give {len(elements)} elements in place of {count}")
        elements = elements.reshape(stored_shape)
        for order in axes:
            elements = elements.transpose(order)
        with np.errstate(all="ignore"):
            np.copyto(out, elements, casting="unsafe")

    return whole


class _TextDecoder:
    """Values of variable length; `read` gives runs of rows of the whole chunk."""

    __slots__ = ("_chunk_shape", "_fill", "_read", "blosc_row_bytes")

    def __init__(self, meta: ArrayMeta, read: _ReadText) -> None:
        self.blosc_row_bytes = None
        self._chunk_shape = meta.chunk_shape
        self._fill = meta.fill_value
        self._read = read

    def decode(
        self, data: Stored | None, shape: tuple[int, ...], *, out: _Array | None = None, rows: Rows = None
    ) -> Strings:
        if out is not None:
            raise ValueError("values of variable length are not decoded into an array")
        runs, result_shape = _runs(rows, shape)
        if data is None:
            if math.prod(result_shape) * len(self._fill) > MAX_CHUNK_BYTES:
                raise ChunkError("its fill value is too long to be repeated")
            return Strings.full(result_shape, self._fill)
        if not runs:
            return Strings.full(result_shape, "")
        text = Strings.concatenate(self._read(data, runs))
        if shape[1:] != self._chunk_shape[1:]:
            within = np.arange(text.size).reshape(result_shape[:1] + self._chunk_shape[1:])
            wanted = within[tuple(slice(0, length) for length in result_shape)].reshape(-1)
            text = text.reshape((text.size,)).take(wanted)
        return text.reshape(result_shape)


def _text_reader(meta: ArrayMeta, chain: Chain) -> _ReadText:
    decompress = _decompressor(chain, 0)
    utf8 = chain.stored == "vlen-utf8"
    count = math.prod(meta.chunk_shape)
    shape = meta.chunk_shape or (1,)
    per_row = math.prod(shape[1:])

    def read(data: Buffer, runs: _Runs) -> list[Strings]:
        raw = decompress(data)
        try:
            decoded = [
                decode_vlen(raw, count, start * per_row, stop * per_row, utf8=utf8) for start, stop in runs
            ]
        except ValueError as error:
            raise ChunkError(f"it is not {chain.stored}: {error}") from None
        return [
            Strings(data, offsets, (stop - start, *shape[1:]))
            for (data, offsets), (start, stop) in zip(decoded, runs, strict=True)
        ]

    transposes = [codec for codec in chain.array_codecs if isinstance(codec, Transpose)]
    if not transposes:
        return read
    stored_order = np.arange(count).reshape(transposes[-1].stored_shape)
    for transpose in transposes[::-1]:
        stored_order = stored_order.transpose(np.argsort(transpose.order))
    order = stored_order.reshape(-1)

    def read_transposed(data: Buffer, runs: _Runs) -> list[Strings]:
        stored = Strings.concatenate(read(data, [(0, shape[0])])).reshape((count,))
        return _rows_of(stored.take(order).reshape(shape), runs)

    return read_transposed


def _rows_of(text: Strings, runs: _Runs) -> list[Strings]:
    if not text.shape:
        return [text]
    return [text[start:stop] for start, stop in runs]
