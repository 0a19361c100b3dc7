"""Where output goes: standard output, or a file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vczero.errors import OutputError

if TYPE_CHECKING:
    from vczero.formats.encoder import Buffer

__all__ = ["ClosedPipeError", "DescriptorSink", "open_output"]

STDOUT = 1


class ClosedPipeError(Exception):
    """Whoever read the output has stopped: no error, but the end."""


class DescriptorSink:
    """A sink that writes straight to a file descriptor.

    Args:
        descriptor: open for writing; stays the caller's to close.
        name: for messages.
    """

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name

    def write(self, data: Buffer | memoryview, /) -> int:
        """Write what goes in one call, perhaps nothing, and return how many bytes that was.

        Raises:
            ClosedPipeError: nobody reads any more.
            OutputError: anything else that is wrong, such as a full disk.
        """
        try:
            return os.write(self._descriptor, data)
        except BlockingIOError:
            import select

            select.select([], [self._descriptor], [])
            return 0
        except BrokenPipeError as error:
            raise ClosedPipeError from error
        except OSError as error:
            raise OutputError(f"cannot write {self._name}: {error.strerror}") from error


@contextmanager
def open_output(path: str | None) -> Iterator[DescriptorSink]:
    """The sink for `-o PATH`; None and "-" are standard output.

    A file is written beside `path` and takes its name when the block ends without an error; otherwise it is
    removed, and what was there before stays. A device or pipe at `path` is written to as it is.

    Raises:
        OutputError: the file cannot be made or completed.
    """
    if path is None or path == "-":
        yield DescriptorSink(STDOUT, "standard output")
        return
    final = os.path.realpath(path)
    try:
        mode = os.stat(final).st_mode
    except OSError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        with _opened(path, path, os.O_WRONLY) as sink:
            yield sink
        return
    folder, name = os.path.split(final)
    partial = os.path.join(folder, f".{name}.{os.getpid()}.partial")
    try:
        with _opened(path, partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as sink:
            yield sink
        with _explained(path):
            if mode is not None:
                os.chmod(partial, stat.S_IMODE(mode))
            os.replace(partial, final)
    finally:
        with suppress(OSError):
            os.unlink(partial)


@contextmanager
def _opened(path: str, place: str, flags: int) -> Iterator[DescriptorSink]:
    """A sink for the file at `place`, called `path` in messages."""
    with _explained(path):
        descriptor = os.open(place, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        yield DescriptorSink(descriptor, path)
    except BaseException:
        with suppress(OSError):
            os.close(descriptor)
        raise
    with _explained(path):
        os.close(descriptor)


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
