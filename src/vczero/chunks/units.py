"""Reads cut into jobs, and what a job does with them: fetch, decode, count.

A `Group` is what one fetch serves. Groups are bundled into jobs by their decoded size: small reads of a step
share one, since handing a job over costs about as much as decoding 100 KB; large reads have one each, and
decode in parallel.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import prod
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from vczero.chunks.grid import Rows, row_runs
from vczero.chunks.portal import Permit
from vczero.chunks.steps import Read
from vczero.chunks.stores import Fetch, Reply, run_fetch, run_fetch_async
from vczero.strings import Strings

if TYPE_CHECKING:
    import asyncio

    from vczero.chunks.blocks import EncodedChunk

__all__ = [
    "Group",
    "StreamStatistics",
    "Tally",
    "bundles",
    "decode",
    "fetch",
    "fetch_all",
    "groups_of",
    "rows_of",
]

T = TypeVar("T")

_BUNDLE_BYTES = 2**20


class StreamStatistics(NamedTuple):
    """What a stream has done so far. Times are in seconds; those of fetching and decoding are sums over
    threads.

    Attributes:
        max_in_flight: the most steps started and not yet let go by the consumer.
        last_chunk_bytes: bytes of the last result delivered (`StepWork.nbytes`).
        chunks_visited: steps finished.
        chunks_yielded: results delivered.
        bytes_fetched: stored bytes.
        bytes_decoded: bytes of decoded chunks.
        requests: calls on the store.
        fetch_seconds: time in the store.
        decode_seconds: time in decoders.
        blocked_seconds: time that the consumer waited for results.
        consumer_seconds: time between the delivery of a result and the consumer's asking for the next.
    """

    max_in_flight: int = 0
    last_chunk_bytes: int = 0
    chunks_visited: int = 0
    chunks_yielded: int = 0
    bytes_fetched: int = 0
    bytes_decoded: int = 0
    requests: int = 0
    fetch_seconds: float = 0.0
    decode_seconds: float = 0.0
    blocked_seconds: float = 0.0
    consumer_seconds: float = 0.0


@dataclass(slots=True, eq=False)
class Tally:
    """Counters, each kept by one job and then added up."""

    requests: int = 0
    bytes_fetched: int = 0
    bytes_decoded: int = 0
    fetch_seconds: float = 0.0
    decode_seconds: float = 0.0

    def add(self, other: Tally) -> None:
        self.requests += other.requests
        self.bytes_fetched += other.bytes_fetched
        self.bytes_decoded += other.bytes_decoded
        self.fetch_seconds += other.fetch_seconds
        self.decode_seconds += other.decode_seconds


@dataclass(slots=True, eq=False)
class Group:
    """Reads that one fetch serves: one, or the same rows of inner chunks of one shard."""

    reads: list[Read]
    encoded: Sequence[EncodedChunk] | None = None

    @property
    def work(self) -> int:
        """Bytes to decode."""
        return sum(read.work for read in self.reads)

    def singles(self) -> list[Group]:
        """The reads of a group that has been fetched, each in a group of its own."""
        assert self.encoded is not None
        pairs = zip(self.reads, self.encoded, strict=True)
        self.encoded = None
        return [Group([read], [chunk]) for read, chunk in pairs]


def groups_of(reads: Iterable[Read]) -> list[Group]:
    """The reads by the fetch that serves them."""
    groups = []
    shards: dict[object, Group] = {}
    for read in reads:
        reader = read.reader
        if reader.meta.shard is None:
            groups.append(Group([read]))
            continue
        # Slices cannot be hashed before Python 3.12.
        runs = read.rows if isinstance(read.rows, tuple) else (read.rows,)
        rows = tuple(None if run is None else (run.start, run.stop) for run in runs)
        key = (reader, reader.chunk_key(read.coords), rows)
        if key not in shards:
            shards[key] = Group([])
            groups.append(shards[key])
        shards[key].reads.append(read)
    return groups


def bundles(groups: Iterable[Group]) -> list[list[Group]]:
    """The groups by job, in order."""
    jobs: list[list[Group]] = []
    room = 0
    for group in groups:
        work = group.work
        if room < work or not jobs:
            jobs.append([])
            room = _BUNDLE_BYTES
        jobs[-1].append(group)
        room -= work
    return jobs


def fetch(group: Group, tally: Tally, gate: AbstractContextManager[object]) -> None:
    """Fetch a group from its synchronous store; `gate` is held during each request."""
    start = perf_counter()
    read = group.reads[0]
    if read.rows is None and read.reader.meta.shard is None:  # one request, which needs no generators
        with gate:
            encoded = read.reader.fetch(read.coords)
        tally.requests += len(encoded.parts) or 1
        tally.bytes_fetched += encoded.nbytes
        group.encoded = [encoded]
    else:
        store = read.reader.store
        assert store.synchronous
        group.encoded = run_fetch(_fetch_of(group, tally, gate), store)
    tally.fetch_seconds += perf_counter() - start


async def _fetch_async(group: Group, tally: Tally, semaphore: asyncio.Semaphore) -> None:
    """Fetch a group from its asynchronous store, each request under one permit."""
    permit = Permit(semaphore)
    store = group.reads[0].reader.store
    assert not store.synchronous
    try:
        group.encoded = await run_fetch_async(_fetch_of(group, tally, nullcontext()), store, permit)
    finally:
        tally.fetch_seconds += permit.seconds


async def fetch_all(groups: Sequence[Group], tally: Tally, semaphore: asyncio.Semaphore) -> None:
    """Fetch groups from their asynchronous store, all at once. When one fails the others are cancelled."""
    if len(groups) == 1:
        await _fetch_async(groups[0], tally, semaphore)
        return
    import asyncio

    tasks = [asyncio.ensure_future(_fetch_async(group, tally, semaphore)) for group in groups]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


def _fetch_of(
    group: Group, tally: Tally, gate: AbstractContextManager[object]
) -> Fetch[Sequence[EncodedChunk]]:
    read = group.reads[0]
    if len(group.reads) == 1:
        return [(yield from _metered(read.reader.requests(read.coords, read.rows), tally, gate))]
    requests = read.reader.requests_many([each.coords for each in group.reads], read.rows)
    return (yield from _metered(requests, tally, gate))


def _metered(steps: Fetch[T], tally: Tally, gate: AbstractContextManager[object]) -> Fetch[T]:
    """The same fetch; its requests and the bytes of the replies are counted."""
    reply: Reply = None
    try:
        while True:
            try:
                request = steps.send(reply)
            except StopIteration as stop:
                result: T = stop.value
                return result
            tally.requests += 1
            with gate:
                reply = yield request
            if reply is not None:
                tally.bytes_fetched += sum(map(len, reply)) if isinstance(reply, list) else len(reply)
    finally:
        steps.close()


def decode(
    group: Group, places: Iterable[npt.NDArray[Any] | None], tally: Tally
) -> list[npt.NDArray[Any] | Strings]:
    """The decoded reads of a fetched group, into `places` where there is one; drops the stored bytes."""
    assert group.encoded is not None
    start = perf_counter()
    values = []
    for read, encoded, place in zip(group.reads, group.encoded, places, strict=True):
        value = read.reader.decode(encoded, place)
        tally.bytes_decoded += value.nbytes
        values.append(value)
    group.encoded = None
    tally.decode_seconds += perf_counter() - start
    return values


def rows_of(value: npt.NDArray[Any] | Strings, rows: Rows) -> npt.NDArray[Any] | Strings:
    """Some rows of a decoded chunk; a copy, so that the chunk can go when its last user has gone."""
    runs = row_runs(rows, len(value))
    if isinstance(value, np.ndarray):
        return np.concatenate([value[run] for run in runs])
    per_row = prod(value.shape[1:])
    offsets = [value.offsets[run.start * per_row : run.stop * per_row + 1] for run in runs]
    data = [value.data[part[0] : part[-1]] for part in offsets]
    lengths = np.concatenate([np.diff(part) for part in offsets])
    count = sum(run.stop - run.start for run in runs)
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return Strings(np.concatenate(data), starts, (count, *value.shape[1:]))
