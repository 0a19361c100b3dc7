"""Steps under way, the chunks that they share, and the units of work that they are cut into."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy.typing as npt

from vczero.chunks.steps import Read, Step, StepWork
from vczero.chunks.units import Group, Tally
from vczero.strings import Strings

__all__ = ["Flight", "SharedChunk", "Unit", "Value"]

Value: TypeAlias = "npt.NDArray[Any] | Strings"


@dataclass(slots=True, eq=False)
class Flight:
    """A step under way; `pending` counts the units and shared chunks that its current phase waits for."""

    seq: int
    step: Step
    lock: threading.Lock = field(default_factory=threading.Lock)
    state: Any = None
    has_begun: bool = False
    is_in_rest: bool = False
    pending: int = 0
    shared: Sequence[Read] = ()
    decoded: dict[Read, Value] = field(default_factory=dict)
    error: BaseException | None = None

    def places(self, work: StepWork[Any], reads: Sequence[Read]) -> list[npt.NDArray[Any] | None]:
        with self.lock:
            if not self.has_begun:
                self.state = work.begin(self.step)
                self.has_begun = True
            return [work.destination(self.state, read) for read in reads]


@dataclass(slots=True, eq=False)
class SharedChunk:
    """A chunk that several steps use: its value, or why there is none, and who waits for it."""

    waiting: list[Flight] = field(default_factory=list)
    value: Value | None = None
    error: BaseException | None = None


@dataclass(slots=True, eq=False)
class Unit:
    """One job: groups to fetch and decode, for one step or (no `flight`) for all that share chunks."""

    seq: int
    flight: Flight | None
    groups: list[Group] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    @property
    def is_remote(self) -> bool:
        """Whether the portal has to fetch it first."""
        return any(
            group.encoded is None and not group.reads[0].reader.store.synchronous for group in self.groups
        )

    def stored(self) -> Iterator[tuple[Read, int]]:
        """Its reads, once fetched, with their bytes as stored."""
        for group in self.groups:
            for read, encoded in zip(group.reads, group.encoded or (), strict=True):
                yield read, encoded.nbytes
