"""Arrays, steps and work for tests of the schedule and the runtime; no Zarr, no codec.

`ToyReader` has the face of a `BlockReader` over a 1-D or 2-D array whose element `[row, ...]` has the value
`row` plus an offset per array. Its stored form is the raw bytes, in any scripted store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from types import SimpleNamespace

import numpy as np

from vczero.chunks.steps import Read, Step
from vczero.chunks.stores import Request, run_fetch
from vczero.strings import Strings


def row_indexes(rows, length: int) -> np.ndarray:
    """The row numbers that `Read.rows` stands for."""
    if rows is None:
        return np.arange(length)
    runs = [rows] if isinstance(rows, slice) else rows
    return np.concatenate([np.arange(run.start, run.stop) for run in runs]) if runs else np.arange(0)


@dataclass(frozen=True, eq=False)
class Encoded:
    coords: tuple[int, ...]
    rows: object
    data: bytes | None
    parts: tuple[object, ...] = ()

    @property
    def nbytes(self) -> int:
        return len(self.data or b"")


class ToyReader:
    """An int32 array in chunks, under `name/coords`; `shard` puts that many chunks into one object."""

    def __init__(
        self, name: str, shape, chunk_shape, store=None, *, dtype="<i4", offset=0, shard: int | None = None
    ):
        self.meta = SimpleNamespace(
            name=name,
            shape=tuple(shape),
            chunk_shape=tuple(chunk_shape),
            dtype=np.dtype(dtype),
            shard=None if shard is None else SimpleNamespace(chunks=shard),
        )
        self.row_work = int(np.prod(chunk_shape[1:], dtype=int)) * self.meta.dtype.itemsize
        self.store = SimpleNamespace(synchronous=True) if store is None else store
        self.offset = offset
        self.shard = shard
        self.before_decode: Callable[[tuple[int, ...]], None] = lambda coords: None
        self.decoded: list[tuple[int, ...]] = []

    @property
    def cdata_shape(self):
        return tuple(-(-n // c) for n, c in zip(self.meta.shape, self.meta.chunk_shape, strict=True))

    def actual_chunk_shape(self, coords):
        parts = zip(self.meta.shape, self.meta.chunk_shape, coords, strict=True)
        return tuple(min(chunk, length - i * chunk) for length, chunk, i in parts)

    def chunk_key(self, coords):
        if self.shard is not None:
            coords = (*coords[:-1], coords[-1] // self.shard)
        return f"{self.meta.name}/{'.'.join(map(str, coords))}"

    def values(self) -> np.ndarray:
        """The whole array."""
        rows = np.arange(self.meta.shape[0]).reshape(-1, *[1] * (len(self.meta.shape) - 1))
        return np.broadcast_to(rows + self.offset, self.meta.shape).astype("<i4")

    def chunk_values(self, coords) -> np.ndarray:
        spans = zip(coords, self.meta.chunk_shape, strict=True)
        return self.values()[tuple(slice(i * n, (i + 1) * n) for i, n in spans)]

    def objects(self) -> dict[str, bytes]:
        """What the store holds for this array."""
        found: dict[str, bytes] = {}
        for coords in np.ndindex(*self.cdata_shape):
            key = self.chunk_key(coords)
            found[key] = found.get(key, b"") + self.chunk_values(coords).tobytes()
        return found

    def _part(self, coords, stored: bytes | None) -> bytes | None:
        if self.shard is None or stored is None:
            return stored
        start = 0
        for last in range(coords[-1] // self.shard * self.shard, coords[-1]):
            start += prod(self.actual_chunk_shape((*coords[:-1], last))) * 4
        return stored[start : start + prod(self.actual_chunk_shape(coords)) * 4]

    def requests(self, coords, rows=None):
        return (yield from self.requests_many([coords], rows))[0]

    def requests_many(self, coords_list, rows=None):
        assert len({self.chunk_key(coords) for coords in coords_list}) == 1, "one stored object at a time"
        stored = yield Request(self.chunk_key(coords_list[0]))
        return [Encoded(coords, rows, self._part(coords, stored)) for coords in coords_list]

    def fetch(self, coords, rows=None):
        return run_fetch(self.requests(coords, rows), self.store)

    def decode(self, encoded, out=None):
        self.before_decode(encoded.coords)
        shape = self.actual_chunk_shape(encoded.coords)
        whole = np.frombuffer(encoded.data or bytes(prod(shape) * 4), "<i4").reshape(shape)
        self.decoded.append((encoded.coords, encoded.rows))
        value = whole[row_indexes(encoded.rows, shape[0])]
        if self.meta.dtype.kind in "TO":
            texts = [str(number).encode() for number in value.ravel()]
            offsets = np.cumsum([0, *map(len, texts)]).astype(np.int64)
            return Strings(np.frombuffer(b"".join(texts), np.uint8), offsets, value.shape)
        if out is None:
            return value
        assert out.shape == value.shape
        out[...] = value
        return out

    def read_chunk(self, coords):
        return self.decode(run_fetch(self.requests(coords), self.store))


def plan_rows(
    readers: Sequence[ToyReader], step_rows: int, *, rest: Sequence[ToyReader] = ()
) -> Iterable[Step]:
    """Steps of `step_rows` rows over arrays with any chunking; `rest` arrays are read in the second phase."""
    length = [*readers, *rest][0].meta.shape[0]
    for start in range(0, length, step_rows):
        stop = min(length, start + step_rows)
        first = [read for reader in readers for read in reads_of(reader, start, stop)]
        second = [read for reader in rest for read in reads_of(reader, start, stop)]
        yield Step(first, second, tag=(start, stop))


def reads_of(reader: ToyReader, start: int, stop: int) -> Iterable[Read]:
    """The reads that hold rows `start` to `stop` of an array."""
    chunk_rows = reader.meta.chunk_shape[0]
    for number in range(start // chunk_rows, -(-stop // chunk_rows)):
        low = max(0, start - number * chunk_rows)
        high = min(chunk_rows, stop - number * chunk_rows)
        whole = min(chunk_rows, reader.meta.shape[0] - number * chunk_rows)
        rows = None if (low, high) == (0, whole) else slice(low, high)
        for others in np.ndindex(*reader.cdata_shape[1:]):
            yield Read(reader, (number, *others), rows)


class Columns:
    """`StepWork` that gives {array name: values of the step's rows}; the batch's arrays are destinations.

    Args:
        keep: from the decoded first phase, whether the rest is wanted at all, given the step's (start, stop).
        hand_over: arrays without a destination, which come through `decoded`.
    """

    def __init__(
        self, *, keep: Callable[[tuple[int, int]], bool] | None = None, hand_over: Sequence[str] = ()
    ):
        self.keep = keep
        self.hand_over = set(hand_over)
        self.threads: set[str] = set()

    def begin(self, step: Step):
        self.threads.add(threading.current_thread().name)
        return SimpleNamespace(step=step, arrays={}, kept=[*step.first], skipped=False)

    def destination(self, state, read: Read):
        self.threads.add(threading.current_thread().name)
        name = read.reader.meta.name
        if name in self.hand_over or read.is_text:
            return None
        start, stop = state.step.tag
        shape = (stop - start, *read.reader.meta.shape[1:])
        if name not in state.arrays:
            state.arrays[name] = np.full(shape, -999, read.reader.meta.dtype)
        return state.arrays[name][self._place(state, read)]

    def _place(self, state, read: Read):
        chunk_rows, *chunk_others = read.reader.meta.chunk_shape
        low = read.coords[0] * chunk_rows - state.step.tag[0]
        rows = row_indexes(read.rows, read.reader.actual_chunk_shape(read.coords)[0])
        others = (slice(i * n, i * n + n) for i, n in zip(read.coords[1:], chunk_others, strict=True))
        return (slice(low + int(rows[0]), low + int(rows[-1]) + 1), *others)

    def second(self, state, decoded):
        state.skipped = self.keep is not None and not self.keep(state.step.tag)
        wanted = [] if state.skipped else list(state.step.rest)
        state.kept += wanted
        return wanted

    def finish(self, state, decoded):
        self.threads.add(threading.current_thread().name)
        if state.skipped:
            return None
        result = dict(state.arrays)
        for read in state.kept:
            value = decoded.get(read)
            if value is None:
                continue
            if isinstance(value, Strings):
                result.setdefault(read.reader.meta.name, []).append(value)
            else:
                shape = (state.step.tag[1] - state.step.tag[0], *read.reader.meta.shape[1:])
                array = result.setdefault(read.reader.meta.name, np.full(shape, -999, value.dtype))
                array[self._place(state, read)] = value
        return result

    def nbytes(self, result) -> int:
        return sum(a.nbytes if not isinstance(a, list) else sum(t.nbytes for t in a) for a in result.values())
