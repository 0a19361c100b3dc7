"""How far a command has come, on a line of standard error that is written over and cleared at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from vczero.vcz.iteration import ScanStatistics

__all__ = ["Progress", "progress_line", "shown"]

FIRST_SECONDS: Final = 0.5
"""What is over by then shows nothing."""

BETWEEN_SECONDS: Final = 0.25


class _Scan(Protocol):
    def statistics(self) -> ScanStatistics: ...


class Terminal(Protocol):
    """Where the line goes."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...
    def isatty(self) -> bool: ...


def progress_line(done: int, total: int, seconds: float) -> str:
    """What the line says when `done` of `total` variants have taken so many seconds.

    >>> progress_line(250_000, 1_000_000, 5.0)
    '250,000 of 1,000,000 variants (25%), 50,000/s, 0:15 left'
    """
    share = done / total if total else 1.0
    text = f"{done:,} of {total:,} variants ({int(100 * share)}%)"
    if not done or seconds <= 0:
        return text
    minutes, left = divmod(round(seconds * (total - done) / done), 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"
    return f"{text}, {round(done / seconds):,}/s, {clock} left"


class Progress:
    """Writes a line over and over, from a thread of its own, so that it moves while no batch comes.

    Args:
        terminal: gets the line.
        line: what to write, given the seconds since the start.
    """

    def __init__(self, terminal: Terminal, line: Callable[[float], str]) -> None:
        self._terminal = terminal
        self._line = line
        self._length = 0
        self._ended = Event()
        self._thread = Thread(target=self._run, name="vczero-progress", daemon=True)

    def __enter__(self) -> Progress:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._ended.set()
        self._thread.join()
        self.clear()

    def update(self, seconds: float) -> None:
        """Write the line anew."""
        text = self._line(seconds)
        self._put("\r" + text.ljust(self._length))
        self._length = len(text)

    def clear(self) -> None:
        """Leave nothing on the line."""
        if self._length:
            self._put("\r" + " " * self._length + "\r")
            self._length = 0

    def _run(self) -> None:
        began, pause = time.monotonic(), FIRST_SECONDS
        while not self._ended.wait(pause):
            self.update(time.monotonic() - began)
            pause = BETWEEN_SECONDS

    def _put(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._terminal.write(text)
            self._terminal.flush()


def is_wanted(asked: bool | None, terminal: Terminal, *, to_terminal: bool) -> bool:
    """Whether progress is shown: as asked, else where it can be seen and the output is not in its way."""
    return asked if asked is not None else terminal.isatty() and not to_terminal


@contextmanager
def shown(scan: _Scan) -> Iterator[None]:
    """Shows, while the block runs, how far a scan has come, if that is wanted."""
    import click

    context = click.get_current_context()
    to_terminal = context.params.get("output") in (None, "-") and sys.stdout.isatty()
    if not is_wanted(context.meta.get("vczero.progress"), sys.stderr, to_terminal=to_terminal):
        yield
        return

    def line(seconds: float) -> str:
        found = scan.statistics()
        return progress_line(found.variants_visited, found.variants_planned, seconds)

    with Progress(sys.stderr, line):
        yield
