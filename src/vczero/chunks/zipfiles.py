"""The anatomy of a zip archive, as `Fetch` generators: its directory, and the bytes of one member. No I/O of
its own.

The rules are those of PKWARE's APPNOTE 6.3.10: 4.3.7 local header, 4.3.12 directory, 4.3.14 to 4.3.16 its
end, 4.5.3 the zip64 fields. Members that are stored or deflated are read; encrypted or otherwise compressed
ones, archives in several parts and archives with something put before them are refused.

Every member costs one request, whole or in ranges: the local header, whose length only it knows, is fetched
together with the data at the place that the directory suggests. Only where that guess fails is there a
second request.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from vczero.chunks.stores import Buffer, ByteRange, Fetch, Request, clamp_range, slice_ranges
from vczero.errors import StoreError, UnsupportedError

__all__ = ["Archive", "Member", "read_directory", "read_member", "read_member_ranges"]

_END: Final = struct.Struct("<4s4H2LH")
_END64_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_ENTRY: Final = struct.Struct("<4s4x2H4x3L3H8xL")
_LOCAL: Final = struct.Struct("<4s22x2H")
_TAIL_BYTES: Final = 2**16 - 1 + _END.size + _END64_LOCATOR.size + _END64.size
_ENTRY_BYTES: Final = _ENTRY.size
_LOCAL_BYTES: Final = _LOCAL.size
_STORED: Final = 0
_DEFLATED: Final = 8
_FULL: Final = 0xFFFF_FFFF
# The extra field of a local header may be longer than that of the directory (Info-ZIP: by 4 bytes; zip64: by
# 20).
_SLACK: Final = 64


class Member(NamedTuple):
    """One file of an archive, as the directory describes it.

    Attributes:
        offset: of the local header in the archive.
        header_bytes: the length of the local header, if its extra field is as long as the directory's.
        stored_bytes: of the data as stored.
        nbytes: of the data.
        crc: CRC-32 of the data.
        method: 0 stored, 8 deflated.
        encrypted: whether the data is.
    """

    offset: int
    header_bytes: int
    stored_bytes: int
    nbytes: int
    crc: int
    method: int
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Archive:
    """What messages call the archive, the key of its bytes in their store, and its files by name."""

    name: str
    key: str
    members: dict[str, Member]


def _corrupt(archive: str, what: str, key: str | None = None) -> StoreError:
    where = f"{archive}: cannot read {key}" if key else archive
    return StoreError(f"{where}: not a sound zip file: {what}", store=archive, key=key)


def read_directory(name: str, key: str) -> Fetch[Archive | None]:
    """The files of the archive under `key`; `None` if there is no such object.

    One request where the directory is within the last 64 KiB, else two; three where a zip64 archive is
    unusual.

    Raises:
        StoreError: It is not a zip file, or not a whole one.
        UnsupportedError: It is one part of several.
    """
    reply = yield Request(key, ((-_TAIL_BYTES, _TAIL_BYTES),))
    if reply is None:
        return None
    tail = bytes(reply[0])
    end = tail.rfind(b"PK\5\6", 0, len(tail) - _END.size + 4)
    if end < 0:
        raise _corrupt(name, "it has no central directory")
    _, disk, first_disk, _, count, nbytes, offset, _ = _END.unpack_from(tail, end)
    locator = end - _END64_LOCATOR.size
    if locator >= 0 and tail.startswith(b"PK\6\7", locator):
        end64, position = yield from _read_end64(name, key, tail, locator)
        disk, first_disk, _, count, nbytes, offset = end64[4:]
        end = position if position is not None else 0
    if disk or first_disk:
        raise UnsupportedError(f"{name}: one part of a zip file in several parts", feature="multi-part zip")
    if nbytes <= end and (nbytes == 0 or tail.startswith(b"PK\1\2", end - nbytes)):
        directory = tail[end - nbytes : end]
    else:
        reply = yield Request(key, ((offset, nbytes),))
        directory = b"" if reply is None else bytes(reply[0])
    if len(directory) != nbytes:
        raise _corrupt(name, "its central directory is cut off")
    return Archive(name, key, _parse_directory(name, directory, count))


def _read_end64(name: str, key: str, tail: bytes, locator: int) -> Fetch[tuple[tuple[int, ...], int | None]]:
    """The zip64 end record's fields, and its position in `tail` if it is there, just before its locator."""
    position: int | None = locator - _END64.size
    if position is not None and position >= 0 and tail.startswith(b"PK\6\6", position):
        record = tail[position:locator]
    else:
        position = None
        offset = _END64_LOCATOR.unpack_from(tail, locator)[2]
        reply = yield Request(key, ((offset, _END64.size),))
        record = b"" if reply is None else bytes(reply[0])
    if len(record) != _END64.size or not record.startswith(b"PK\6\6"):
        raise _corrupt(name, "its zip64 end record is missing")
    return _END64.unpack(record), position


def _parse_directory(name: str, directory: bytes, count: int) -> dict[str, Member]:
    members: dict[str, Member] = {}
    unpack, size = _ENTRY.unpack_from, len(directory)
    position = seen = 0
    try:
        while position < size:
            entry = unpack(directory, position)
            (
                signature,
                flags,
                method,
                crc,
                stored_bytes,
                nbytes,
                name_bytes,
                extra_bytes,
                comment_bytes,
                offset,
            ) = entry
            name_at = position + _ENTRY_BYTES
            extra_at = name_at + name_bytes
            position = extra_at + extra_bytes + comment_bytes
            if signature != b"PK\1\2" or position > size:
                raise _corrupt(name, "its central directory is damaged")
            seen += 1
            raw = directory[name_at:extra_at]
            path = raw.decode("ascii" if raw.isascii() else "utf-8" if flags & 0x800 else "cp437")
            if path[-1:] == "/":
                continue
            if _FULL in (nbytes, stored_bytes, offset):
                extra = directory[extra_at : extra_at + extra_bytes]
                nbytes, stored_bytes, offset = _zip64_sizes(extra, nbytes, stored_bytes, offset)
            header_bytes = _LOCAL_BYTES + name_bytes + extra_bytes
            members[path] = Member(offset, header_bytes, stored_bytes, nbytes, crc, method, flags & 1 == 1)
    except (struct.error, UnicodeDecodeError) as error:
        raise _corrupt(name, "its central directory is damaged") from error
    if (seen - count) % 2**16:  # without zip64 the count has 16 bits
        raise _corrupt(name, f"its central directory has {seen} entries, not {count}")
    return members


def _zip64_sizes(extra: bytes, *sizes: int) -> tuple[int, ...]:
    """`sizes`, those that are all ones replaced by the 64-bit numbers of the zip64 extra field, in order."""
    position = 0
    while position + 4 <= len(extra):
        tag, length = struct.unpack_from("<2H", extra, position)
        position += 4
        if tag == 1:
            wanted = sizes.count(_FULL)
            numbers = iter(struct.unpack_from(f"<{wanted}Q", extra[: position + length], position))
            return tuple(next(numbers) if size == _FULL else size for size in sizes)
        position += length
    return sizes


def read_member(archive: Archive, key: str) -> Fetch[Buffer | None]:
    """The bytes of a member, checked against its CRC-32; `None` if there is none of that name.

    Raises:
        StoreError: The member is damaged.
        UnsupportedError: It is encrypted, or neither stored nor deflated.
    """
    member = archive.members.get(key)
    if member is None:
        return None
    _check(archive, key, member)
    data: Buffer = yield from _stored_data(archive, key, member)
    if member.method == _DEFLATED:
        data = _inflate(archive, key, data, member.nbytes)
    if zlib.crc32(data) != member.crc:
        raise _corrupt(archive.name, "its checksum (CRC-32) does not fit its data", key)
    return data


def read_member_ranges(archive: Archive, key: str, ranges: Sequence[ByteRange]) -> Fetch[list[Buffer] | None]:
    """The ranges of a member; `None` if there is none of that name.

    Of a stored member only those bytes are fetched, and there is no checksum for them. A deflated member is
    inflated up to the last byte wanted.

    Raises:
        StoreError: The member is damaged.
        UnsupportedError: It is encrypted, or neither stored nor deflated.
    """
    member = archive.members.get(key)
    if member is None:
        return None
    _check(archive, key, member)
    bounds = [clamp_range(byte_range, member.nbytes) for byte_range in ranges]
    wanted = [(first, end - first) for first, end in bounds]
    if member.method == _DEFLATED:
        stored = yield from _stored_data(archive, key, member)
        last = max((end for _, end in bounds), default=0)
        return slice_ranges(_inflate(archive, key, stored, last), wanted)
    header: ByteRange = (member.offset, member.header_bytes)
    guess = member.offset + member.header_bytes
    parts = yield from _request(archive, key, (header, *((guess + at, length) for at, length in wanted)))
    begin = member.offset + _header_length(archive, key, parts[0])
    if begin != guess:
        parts = yield from _request(archive, key, (header, *((begin + at, length) for at, length in wanted)))
    if [len(part) for part in parts[1:]] != [length for _, length in wanted]:
        raise _corrupt(archive.name, "the file ends before the data", key)
    return parts[1:]


def _check(archive: Archive, key: str, member: Member) -> None:
    if member.encrypted:
        raise UnsupportedError(
            f"{archive.name}: cannot read {key}: it is encrypted", feature="encrypted zip member"
        )
    if member.method not in (_STORED, _DEFLATED):
        feature = f"zip compression method {member.method}"
        raise UnsupportedError(
            f"{archive.name}: cannot read {key}: {feature} is not supported", feature=feature
        )
    if member.method == _STORED and member.stored_bytes != member.nbytes:
        raise _corrupt(archive.name, f"{member.stored_bytes} bytes stored for {member.nbytes}", key)


def _stored_data(archive: Archive, key: str, member: Member) -> Fetch[memoryview]:
    """The data of a member as stored, in one request where the local header is not much longer than
    expected.
    """
    length = member.header_bytes + _SLACK + member.stored_bytes
    (part,) = yield from _request(archive, key, ((member.offset, length),))
    view = memoryview(part)
    begin = _header_length(archive, key, view[: _LOCAL.size])
    if begin > member.header_bytes + _SLACK:
        (part,) = yield from _request(archive, key, ((member.offset + begin, member.stored_bytes),))
        data = memoryview(part)
    else:
        data = view[begin : begin + member.stored_bytes]
    if len(data) != member.stored_bytes:
        raise _corrupt(archive.name, "the file ends before the data", key)
    return data


def _request(archive: Archive, key: str, ranges: tuple[ByteRange, ...]) -> Fetch[list[Buffer]]:
    reply = yield Request(archive.key, ranges)
    if not isinstance(reply, list) or len(reply) != len(ranges):
        raise _corrupt(archive.name, "the file has vanished", key)
    return reply


def _header_length(archive: Archive, key: str, header: Buffer) -> int:
    if len(header) < _LOCAL.size or bytes(header[:4]) != b"PK\3\4":
        raise _corrupt(archive.name, "there is no local header where the directory says", key)
    _, path_bytes, extra_bytes = _LOCAL.unpack_from(header)
    return int(_LOCAL.size + path_bytes + extra_bytes)


def _inflate(archive: Archive, key: str, data: Buffer, length: int) -> bytes:
    """The first `length` bytes of deflated data; more is neither made nor held."""
    if not length:
        return b""
    try:
        inflated = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, length)
    except zlib.error as error:
        raise _corrupt(archive.name, f"its deflated data is damaged ({error})", key) from error
    if len(inflated) != length:
        raise _corrupt(archive.name, f"{len(inflated)} bytes instead of {length}", key)
    return inflated
