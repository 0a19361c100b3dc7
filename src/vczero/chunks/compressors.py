"""Codecs from bytes to bytes: compressors, checksums, byte shuffling; what comes out is bounded before it is
made.

Each builder takes a codec's configuration and gives a `BytesCodec`, whose `decode(data, size)` gives the
decoded bytes and whose `into(data, dest)` fills `dest`. `size` is how many bytes must come out; None where
that is not known (text, or under another compressor), and then `MAX_CHUNK_BYTES` bounds it. More or fewer
bytes are an error, and so is anything that the libraries object to: they raise `ChunkError` with a reason.

The libraries read sizes from headers that a hostile chunk can forge, so headers are checked here first.
Blosc: `vczero.chunks.blosc`. Zstandard: RFC 8878. LZ4: numcodecs' own four-byte header.

Importing numcodecs costs more than importing the rest of vczero: what only some builders need, they import.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
import numpy.typing as npt

from vczero.chunks import blosc, zstd
from vczero.chunks.documents import MAX_CHUNK_BYTES
from vczero.errors import ChunkError

__all__ = ["BUILDERS", "Buffer", "BytesCodec"]

Buffer = bytes | bytearray | memoryview | npt.NDArray[np.uint8]
Bytes = npt.NDArray[np.uint8]

_SMALL_BYTES = 2**14  # to copy so little costs less than to hand numcodecs a destination
_LZMA_MEMORY_BYTES = 2**29  # eight times what preset 9 needs


class BytesCodec(NamedTuple):
    """How to undo one codec.

    Attributes:
        decode: (data, size or None) -> decoded bytes, contiguous.
        into: (data, dest), where `dest` (uint8, contiguous) is as long as the decoded bytes.
        encoded_size: size of the encoded bytes from that of the decoded ones; None where only the data tell.
    """

    decode: Callable[[Buffer, int | None], Buffer]
    into: Callable[[Buffer, Bytes], None]
    encoded_size: Callable[[int], int] | None = None


def _from_decode(
    decode: Callable[[Buffer, int | None], Buffer], encoded_size: Callable[[int], int] | None = None
) -> BytesCodec:
    def into(data: Buffer, dest: Bytes) -> None:
        decoded = decode(data, len(dest))
        check_size(len(decoded), len(dest))
        dest[:] = np.frombuffer(decoded, np.uint8)

    return BytesCodec(decode, into, encoded_size)


def _from_into(into: Callable[[Buffer, Bytes], None], size_of: Callable[[Buffer], int]) -> BytesCodec:
    def decode(data: Buffer, size: int | None) -> Buffer:
        if size is None:
            size = size_of(data)
            if size > MAX_CHUNK_BYTES:
                raise ChunkError(f"it claims to hold {size} bytes")
        dest = np.empty(size, np.uint8)
        into(data, dest)
        return dest

    return BytesCodec(decode, into)


def check_size(found: int, expected: int) -> None:
    """Raises `ChunkError` unless `found` bytes are as many as `expected`."""
    if found != expected:
        raise ChunkError(f"it holds {found} bytes in place of {expected}")


def _blosc(_: Mapping[str, Any]) -> BytesCodec:
    def into(data: Buffer, dest: Bytes) -> None:
        blosc.decompress_spans(data, len(dest), dest.reshape(1, -1), ((0, len(dest)),))  # type: ignore[arg-type]

    return _from_into(into, lambda data: int.from_bytes(data[4:8], "little"))


def _zstd(_: Mapping[str, Any]) -> BytesCodec:
    def decode(data: Buffer, size: int | None) -> Buffer:
        if size is None:
            return zstd.decode(data, MAX_CHUNK_BYTES)
        dest = np.empty(size, np.uint8)
        into(data, dest)
        return dest

    def into(data: Buffer, dest: Bytes) -> None:
        zstd.largest_size(data)  # which finds what is cut short
        zstd.fill(data, dest)

    return BytesCodec(decode, into)


def _lz4(_: Mapping[str, Any]) -> BytesCodec:
    from numcodecs.lz4 import decompress

    def size_of(data: Buffer) -> int:
        return int.from_bytes(data[:4], "little")

    def into(data: Buffer, dest: Bytes) -> None:
        check_size(size_of(data), len(dest))
        if len(dest) > _SMALL_BYTES:
            _call("LZ4", decompress, data, dest)
        else:
            dest[:] = np.frombuffer(_call("LZ4", decompress, data), np.uint8)

    return _from_into(into, size_of)


def _call(library: str, decompress: Callable[..., Buffer], *args: Buffer) -> Buffer:
    try:
        return decompress(*args)
    except (RuntimeError, ValueError) as error:
        raise ChunkError(f"{library} cannot decode it ({error})") from None


class _Stream(Protocol):
    """What the standard library's decompressors have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: Any, max_length: int = ..., /) -> bytes: ...


def _stream(
    library: str, errors: type[Exception], start: Callable[[], _Stream], *, members: bool
) -> BytesCodec:
    """A codec of the standard library; with `members`, further streams may follow the first."""

    def decode(data: Buffer, size: int | None) -> Buffer:
        limit = MAX_CHUNK_BYTES if size is None else size
        parts: list[bytes] = []
        found = 0
        rest: Any = data
        try:
            while len(rest) and (members or not parts):
                stream = start()
                part = stream.decompress(rest, limit - found + 1)
                found += len(part)
                if found > limit:
                    raise ChunkError(f"it decompresses to more than {limit} bytes")
                if not stream.eof:
                    raise ChunkError(f"its {library} stream is cut short")
                parts.append(part)
                rest = stream.unused_data
        except errors as error:
            raise ChunkError(f"{library} cannot decode it ({error})") from None
        if not parts:
            raise ChunkError(f"it is empty, which is no {library} stream")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    return _from_decode(decode)


def _zlib(_: Mapping[str, Any]) -> BytesCodec:
    return _stream("zlib", zlib.error, zlib.decompressobj, members=False)


def _gzip(_: Mapping[str, Any]) -> BytesCodec:
    return _stream("gzip", zlib.error, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), members=True)


def _bz2(_: Mapping[str, Any]) -> BytesCodec:
    import bz2

    return _stream("bzip2", OSError, bz2.BZ2Decompressor, members=True)


def _lzma(configuration: Mapping[str, Any]) -> BytesCodec:
    import lzma

    form = configuration.get("format", lzma.FORMAT_XZ)
    filters = configuration.get("filters")
    if form not in (lzma.FORMAT_AUTO, lzma.FORMAT_XZ, lzma.FORMAT_ALONE, lzma.FORMAT_RAW):
        raise ValueError(f"format {form!r}")
    raw = form == lzma.FORMAT_RAW
    options: dict[str, Any] = {"filters": filters} if raw else {"memlimit": _LZMA_MEMORY_BYTES}
    lzma.LZMADecompressor(form, **options)  # so that bad options show now
    return _stream("LZMA", lzma.LZMAError, lambda: lzma.LZMADecompressor(form, **options), members=not raw)


def _checksum(
    name: str, compute: Callable[[memoryview], int], location: str
) -> Callable[[Mapping[str, Any]], BytesCodec]:
    def build(configuration: Mapping[str, Any]) -> BytesCodec:
        at_start = {"start": True, "end": False}[configuration.get("location", location)]

        def decode(data: Buffer, _: int | None) -> Buffer:
            if len(data) < 4:
                raise ChunkError(f"{len(data)} bytes are too few for a {name} checksum")
            view = memoryview(cast("bytes", data))  # an ndarray is a buffer, to mypy from 3.12 on
            body, stored = (view[4:], view[:4]) if at_start else (view[:-4], view[-4:])
            if compute(body) != int.from_bytes(stored, "little"):
                raise ChunkError(f"its {name} checksum does not match: it is corrupt")
            return body

        return _from_decode(decode, lambda size: size + 4)

    return build


def _crc32c(data: memoryview) -> int:
    from vczero.kernels.checksums import crc32c

    return crc32c(data)


def _numcodecs_checksum(module: str, name: str) -> Callable[[Mapping[str, Any]], BytesCodec]:
    """A checksum that numcodecs computes; it adds four bytes."""

    def build(configuration: Mapping[str, Any]) -> BytesCodec:
        import importlib

        codec = getattr(importlib.import_module(f"numcodecs.{module}"), name)(**configuration)

        def decode(data: Buffer, _: int | None) -> Buffer:
            if len(data) < 4:
                raise ChunkError(f"{len(data)} bytes are too few for a {codec.codec_id} checksum")
            try:
                return memoryview(codec.decode(data)).cast("B")
            except (RuntimeError, ValueError) as error:
                raise ChunkError(f"its checksum does not match: {error}".split("\n")[0]) from None

        return _from_decode(decode, lambda size: size + 4)

    return build


def _shuffle(configuration: Mapping[str, Any]) -> BytesCodec:
    """numcodecs' byte shuffling: all first bytes of the elements, then all second bytes, and so on."""
    width = configuration.get("elementsize", 4)
    if not isinstance(width, int) or not 1 <= width <= 2**16:
        raise ValueError(f"elementsize {width!r}")

    def decode(data: Buffer, _: int | None) -> Buffer:
        if len(data) % width:
            raise ChunkError(f"{len(data)} bytes are not elements of {width} bytes")
        return np.frombuffer(data, np.uint8).reshape(width, -1).T.reshape(-1)

    return _from_decode(decode, lambda size: size)


def _base64(_: Mapping[str, Any]) -> BytesCodec:
    import base64

    def decode(data: Buffer, _: int | None) -> Buffer:
        try:
            return base64.standard_b64decode(bytes(data))
        except ValueError as error:
            raise ChunkError(f"it is not base64 ({error})") from None

    return _from_decode(decode, lambda size: -(-size // 3) * 4)


BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], BytesCodec]] = {
    "blosc": _blosc,
    "zstd": _zstd,
    "gzip": _gzip,
    "crc32c": _checksum("CRC-32C", _crc32c, "end"),
    "numcodecs.blosc": _blosc,
    "numcodecs.zstd": _zstd,
    "numcodecs.gzip": _gzip,
    "numcodecs.zlib": _zlib,
    "numcodecs.bz2": _bz2,
    "numcodecs.lzma": _lzma,
    "numcodecs.lz4": _lz4,
    "numcodecs.crc32": _checksum("CRC-32", zlib.crc32, "start"),
    "numcodecs.crc32c": _checksum("CRC-32C", _crc32c, "end"),
    "numcodecs.adler32": _checksum("Adler-32", zlib.adler32, "start"),
    "numcodecs.fletcher32": _numcodecs_checksum("fletcher32", "Fletcher32"),
    "numcodecs.jenkins_lookup3": _numcodecs_checksum("checksum32", "JenkinsLookup3"),
    "numcodecs.shuffle": _shuffle,
    "numcodecs.base64": _base64,
}
"""By codec name: configuration -> `BytesCodec`. ValueError, TypeError, KeyError: it is bad."""
