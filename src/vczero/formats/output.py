"""Where output goes: standard output, or files that appear under their names only when they are complete."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from vczero.errors import OutputError

if TYPE_CHECKING:
    from vczero.formats.encoder import Buffer, Sink

__all__ = [
    "ClosedPipeError",
    "Companion",
    "DescriptorSink",
    "Output",
    "open_output",
    "open_outputs",
    "sinks_of",
]

Output: TypeAlias = "str | os.PathLike[str] | Sink"
"""A path, or a binary file, which stays open."""

STDOUT = 1


class ClosedPipeError(Exception):
    """Whoever read the output has stopped: no error, but the end."""


class Companion(NamedTuple):
    """A file that is made of a complete one, as an index is.

    Attributes:
        path: its name.
        make: makes it; takes where the complete file lies and where this one is to be.
    """

    path: str
    make: Callable[[str, str], None]


class DescriptorSink:
    """A sink that writes straight to a file descriptor.

    Args:
        descriptor: open for writing; stays the caller's to close.
        name: for messages.
        place: the file, until it takes its name: for a library that wants to write it by itself.
    """

    def __init__(self, descriptor: int, name: str, place: str | None = None) -> None:
        self._descriptor = descriptor
        self.name = name
        self.place = place

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def write(self, data: Buffer, /) -> int:
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
            raise OutputError(f"cannot write {self.name}: {error.strerror}") from error


@contextmanager
def open_output(path: str | None, companion: Companion | None = None) -> Iterator[DescriptorSink]:
    """The sink for `-o PATH`; None and "-" are standard output.

    A file is written beside `path` and takes its name when the block ends without an error; otherwise it is
    removed, and what was there before stays. A device or pipe at `path` is written to as it is. A companion
    is made of the complete file, and both appear or neither.

    Raises:
        OutputError: the file cannot be made or completed.
    """
    if path is None or path == "-":
        yield DescriptorSink(STDOUT, "standard output")
        return
    with open_outputs([path], companion) as (sink,):
        yield sink


@contextmanager
def open_outputs(paths: Sequence[str], companion: Companion | None = None) -> Iterator[list[DescriptorSink]]:
    """Sinks for several files, as `open_output` has them: none takes its name before all are complete.

    A companion is made of the first.

    Raises:
        OutputError: a file cannot be made or completed.
    """
    begun: list[_Begun] = []
    try:
        with ExitStack() as stack:
            sinks = []
            for path in paths:
                begun.append(_begin(path))
                sinks.append(stack.enter_context(_opened(path, begun[-1].place)))
            yield sinks
        if companion is not None:
            begun.append(_begin(companion.path))
            companion.make(begun[0].place, begun[-1].place)
        for each in begun:
            each.complete()
    finally:
        for each in begun:
            each.discard()


@contextmanager
def sinks_of(outputs: Sequence[Output]) -> Iterator[list[Sink]]:
    """Sinks for outputs: binary files as they are, those at paths as `open_outputs` has them.

    Raises:
        OutputError: a file cannot be made or completed.
    """
    paths = [os.fspath(output) for output in outputs if isinstance(output, str | os.PathLike)]
    with open_outputs(paths) as opened:
        made = iter(opened)
        yield [next(made) if isinstance(output, str | os.PathLike) else output for output in outputs]


class _Begun(NamedTuple):
    """An output file that is being written.

    Attributes:
        path: what it was called.
        place: where its bytes go.
        final: the name that it takes; None where the bytes go to a device or a pipe.
        mode: permissions of the file that it replaces; None where there is none.
    """

    path: str
    place: str
    final: str | None = None
    mode: int | None = None

    def complete(self) -> None:
        if self.final is not None:
            with _explained(self.path):
                if self.mode is not None:
                    os.chmod(self.place, self.mode)
                os.replace(self.place, self.final)

    def discard(self) -> None:
        if self.final is not None:
            with suppress(OSError):
                os.unlink(self.place)


def _begin(path: str) -> _Begun:
    """Where the bytes of an output file go until it is complete."""
    final = os.path.realpath(path)
    try:
        mode = os.stat(final).st_mode
    except OSError:
        mode = None
    if mode is not None and not stat.S_ISREG(mode):
        return _Begun(path, path)
    folder, name = os.path.split(final)
    place = os.path.join(folder, f".{name}.{os.getpid()}.partial")
    return _Begun(path, place, final, None if mode is None else stat.S_IMODE(mode))


@contextmanager
def _opened(path: str, place: str) -> Iterator[DescriptorSink]:
    """A sink for the file at `place`, called `path` in messages."""
    flags = os.O_WRONLY if place == path else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    with _explained(path):
        descriptor = os.open(place, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        yield DescriptorSink(descriptor, path, place)
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
