"""Reading regular files: by a descriptor of one's own, or at an offset by any number of threads, on every
platform.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from typing import Final

__all__ = ["SharedFile", "open_file", "read", "read_at"]

# Opening a FIFO without O_NONBLOCK would wait for a writer; on a regular file the flag does nothing.
_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def open_file(path: str) -> tuple[int, int] | None:
    """A descriptor of a regular file, for the caller to close, and the file's bytes; `None` where there is no
    file, or a directory.

    Raises:
        OSError: The file is there and cannot be opened, or is neither regular nor a directory.
    """
    try:
        fd = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except PermissionError:
        if os.path.isdir(path):  # so Windows refuses to open a directory
            return None
        raise
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode):
        return fd, found.st_size
    os.close(fd)
    if stat.S_ISDIR(found.st_mode):
        return None
    raise OSError(errno.EINVAL, "not a regular file")


def read_at(fd: int, offset: int, length: int) -> bytes:
    """`length` bytes from `offset` on, fewer where the file ends before. The position may be moved."""
    if not hasattr(os, "pread"):  # Windows
        os.lseek(fd, offset, os.SEEK_SET)
        return read(fd, length)
    data = os.pread(fd, length, offset)
    if len(data) == length or not data:
        return data
    return _complete(data, length, lambda got: os.pread(fd, length - got, offset + got))


def read(fd: int, length: int) -> bytes:
    """The next `length` bytes, fewer where the file ends before."""
    data = os.read(fd, length)
    if len(data) == length or not data:
        return data
    return _complete(data, length, lambda got: os.read(fd, length - got))


def _complete(data: bytes, length: int, read_on: Callable[[int], bytes]) -> bytes:
    """`data` and what follows it: one system call gives 2 GiB at most."""
    parts = [data]
    got = len(data)
    while got < length and (data := read_on(got)):
        parts.append(data)
        got += len(data)
    return b"".join(parts)


class _Descriptor:
    """Closes with its last reference, and so never under a thread that is still reading."""

    __slots__ = ("fd",)

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        close(self.fd)


class SharedFile:
    """A regular file that any number of threads read at once, without a lock.

    Where there is `os.pread`, which leaves the position alone, they share a descriptor; elsewhere (Windows)
    each call opens the file for itself.
    """

    def __init__(self, path: str, *, shared_descriptor: bool = hasattr(os, "pread")) -> None:
        """
        Raises:
            OSError: As `open_file`; FileNotFoundError where there is no file, IsADirectoryError for a
                directory.
        """
        self._path = path
        self._descriptor: _Descriptor | None
        self._descriptor, self.size = self._open()
        self._shared = shared_descriptor

    def _open(self) -> tuple[_Descriptor, int]:
        found = open_file(self._path)
        if found is None:
            is_directory = os.path.isdir(self._path)
            raise (IsADirectoryError if is_directory else FileNotFoundError)(
                errno.EISDIR if is_directory else errno.ENOENT,
                "is a directory" if is_directory else "no such file",
            )
        return _Descriptor(found[0]), found[1]

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset` on, fewer where the file ends before.

        Raises:
            OSError: Reading fails, or the file has been closed.
        """
        descriptor = self._descriptor
        if descriptor is None:
            raise OSError(errno.EBADF, "closed")
        if not self._shared:
            own, _ = self._open()  # kept: the last reference closes it
            return read_at(own.fd, offset, length)
        return read_at(descriptor.fd, offset, length)

    def close(self) -> None:
        """The file is closed when the reads under way are done."""
        self._descriptor = None
