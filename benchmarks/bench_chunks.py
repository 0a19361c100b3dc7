"""Chunks of an array, small and large, whole and one row: BlockReader beside zarr-python and its peers.

numcodecs uses threads of its own when called on the main thread; here it is told not to, so that one thread
is compared with one thread. Peers that are not installed are left out.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import threading
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import zarr
from numcodecs import blosc as library

from harness import Call, Report, Result, arrays_equal, compare
from vczero.chunks.blocks import BlockReader
from vczero.chunks.blosc import count_rows
from vczero.chunks.metadata import meta_from_zarr
from vczero.chunks.stores import LocalStore
from vczero.chunks.zipstore import ZipStore

Array = np.ndarray[Any, np.dtype[Any]]
ROWS, SAMPLES = 1000, 10_000
CHUNKS = 4  # of each large array
SMALL_CHUNKS = 50


def genotypes(rng: np.random.Generator, missing: float = 0.0) -> Array:
    """int8 (variants, samples, ploidy): allele counts as 1 / x, as in a population that has been stable."""
    alleles = 2 * SAMPLES
    weights = 1 / np.arange(1, alleles)
    counts = rng.choice(np.arange(1, alleles), CHUNKS * ROWS, p=weights / weights.sum())
    calls = np.zeros((CHUNKS * ROWS, alleles), np.int8)
    for row, count in zip(calls, counts, strict=True):
        row[rng.choice(alleles, count, replace=False)] = 1
    calls[rng.random(calls.shape, np.float32) < missing] = -1
    return calls.reshape(CHUNKS * ROWS, SAMPLES, 2)


def make(folder: Path) -> None:
    """`small`, `genotypes`, `missing` (the same, 0.2 % missing), `depth`; as a directory and as a zip."""
    rng = np.random.default_rng(20)
    bits, byte = (numcodecs.Blosc("zstd", 7, shuffle) for shuffle in (2, 1))
    arrays = {
        "small": (np.arange(SMALL_CHUNKS * 1000, dtype=np.int32), (1000,), byte),
        "genotypes": (genotypes(rng), (ROWS, SAMPLES, 2), bits),
        "missing": (genotypes(rng, 0.002), (ROWS, SAMPLES, 2), bits),
        "depth": (rng.poisson(30, (CHUNKS * ROWS, 5000)).astype(np.int32), (ROWS, 5000), byte),
    }
    group = zarr.create_group(folder / "directory", zarr_format=2)
    for name, (data, chunks, compressor) in arrays.items():
        array = group.create_array(
            name, shape=data.shape, chunks=chunks, dtype=data.dtype, compressors=compressor
        )
        array[...] = data
    with zipfile.ZipFile(folder / "arrays.zip", "w", zipfile.ZIP_STORED) as archive:
        for file in sorted((folder / "directory").rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder / "directory").as_posix())


def first_coords(array: Any, number: int) -> tuple[int, ...]:
    """Coordinates of chunk `number` along the first axis."""
    return (number, *[0] * (array.ndim - 1))


def plain_read(folder: Path, array: Any) -> Callable[[int], Array]:
    """The least that Python can do: open, read, numcodecs, reshape."""
    base = folder / "directory" / array.path

    def read(number: int) -> Array:
        key = ".".join(map(str, first_coords(array, number)))
        with open(os.path.join(base, key), "rb") as file:
            data = file.read()
        return np.frombuffer(library.decompress(data), array.dtype).reshape(array.chunks)

    return read


def peers(folder: Path, array: Any) -> dict[str, Callable[[int], Array]]:
    """Reads of chunk `number`, by name, of the peers that are installed; on the directory."""
    found: dict[str, Callable[[int], Array]] = {}
    path = folder / "directory" / array.path
    try:
        import zarrista

        theirs = zarrista.Array.open(zarrista.store.FilesystemStore(str(path.parent)), "/" + array.path)
        found["zarrista"] = lambda number: np.asarray(
            theirs.retrieve_chunk(list(first_coords(array, number)))
        )
    except ImportError:
        pass
    try:
        import tensorstore

        spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(path)}}
        context = {"data_copy_concurrency": {"limit": 1}, "cache_pool": {"total_bytes_limit": 0}}
        opened = tensorstore.open(spec, context=tensorstore.Context(context), read=True).result()
        rows = array.chunks[0]
        found["tensorstore"] = lambda number: opened[number * rows : (number + 1) * rows].read().result()
    except ImportError:
        pass
    return found


def zarr_ways(array: Any, reader: BlockReader) -> dict[str, Callable[[int], Array]]:
    """Ours and zarr-python's ways of reading chunk `number`."""
    rows = array.chunks[0]
    return {
        "vczero": lambda number: reader.read_chunk(first_coords(array, number)),
        "zarr.Array.blocks": lambda number: array.blocks[first_coords(array, number)],
        "zarr.Array[...]": lambda number: array[number * rows : (number + 1) * rows],
    }


def read_all(read: Callable[[int], Array], count: int) -> list[Array]:
    """The first `count` chunks."""
    return [read(number) for number in range(count)]


def whole_chunks(report: Report, folder: Path, name: str, count: int) -> dict[str, Result]:
    """Read `count` chunks one after the other, from the directory and from the zip."""
    results = {}
    for kind in ("directory", "zip"):
        path = folder / ("arrays.zip" if kind == "zip" else "directory")
        store = zarr.storage.ZipStore(path, mode="r") if kind == "zip" else path
        array: Any = zarr.open_group(store, mode="r")[name]
        reader = BlockReader(meta_from_zarr(array), ZipStore(path) if kind == "zip" else LocalStore(path))
        rows = array.chunks[0]
        ways = zarr_ways(array, reader)
        if kind == "directory":
            ways |= {"open, read, numcodecs": plain_read(folder, array), **peers(folder, array)}
        calls = [Call(way, partial(read_all, read, count)) for way, read in ways.items()]
        title = f"`{name}`: {count} chunks of {rows} rows, {kind}"
        results[kind] = report.add(compare(title, calls, same=arrays_equal))
    return results


def cpu_ratio(result: Result, slower: str, faster: str) -> float:
    """`Result.ratio` of CPU time: for work of one thread that waits for nothing, other work matters less."""
    slow, fast = (statistics.median(cost.cpu for cost in result.costs[way]) for way in (slower, faster))
    return slow / fast


def large_chunk(report: Report, folder: Path, name: str, at_least: float) -> None:
    """One large chunk from memory into a buffer that is used again."""
    array: Any = zarr.open_group(folder / "directory", mode="r")[name]
    reader = BlockReader(meta_from_zarr(array), LocalStore(folder / "directory"))
    encoded = reader.fetch(first_coords(array, 0))
    ours, theirs = (np.empty(array.chunks, array.dtype) for _ in range(2))

    def plain() -> Array:
        library.decompress(encoded.data, theirs)
        return theirs

    calls = [Call("vczero", lambda: reader.decode(encoded, ours)), Call("numcodecs", plain)]
    result = report.add(compare(f"`{name}`: one chunk, from memory into a buffer", calls, same=arrays_equal))
    ratio = cpu_ratio(result, "numcodecs", "vczero")
    report.goal(f"`{name}`, times numcodecs' throughput into a buffer (CPU time)", ratio, at_least=at_least)


def in_threads(work: Callable[[Sequence[int]], None], shares: Sequence[Sequence[int]]) -> None:
    """Call `work` with each share on a thread of its own."""
    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def scaling(report: Report, title: str, work: Callable[[Sequence[int]], None], answer: Any) -> float:
    """How many times as fast two threads are as one."""

    def with_threads(*shares: Sequence[int]) -> Any:
        in_threads(work, shares)
        return answer

    everything = range(CHUNKS)
    calls = [
        Call("two threads", lambda: with_threads(everything[::2], everything[1::2])),
        Call("one thread", lambda: with_threads(everything)),
    ]
    result = report.add(compare(title, calls, same=arrays_equal))
    return result.median("one thread") / result.median("two threads")


def two_threads(report: Report, folder: Path, name: str) -> None:
    """The same chunks decoded by one thread and by two; beside work that shares nothing, as a control."""
    array: Any = zarr.open_group(folder / "directory", mode="r")[name]
    reader = BlockReader(meta_from_zarr(array), LocalStore(folder / "directory"))
    encoded = [reader.fetch(first_coords(array, number)) for number in range(CHUNKS)]
    buffers = [np.empty(array.chunks, array.dtype) for _ in encoded]

    def decode(numbers: Sequence[int]) -> None:
        for number in [*numbers] * 4:
            reader.decode(encoded[number], buffers[number])

    def control(numbers: Sequence[int]) -> None:
        for number in numbers:
            hashlib.sha256(buffers[number].data).digest()

    free = scaling(report, "SHA-256 of four buffers: are two cores free?", control, 0)
    ratio = scaling(report, f"`{name}`: {CHUNKS} chunks four times over, into buffers", decode, buffers)
    cores_are_free = free >= 1.8
    if not cores_are_free:
        report.note(
            f"Two cores were not free: hashing in two threads was {free:.2f} times as fast as in one."
        )
    goal = f"`{name}`, two threads, times as fast as one"
    report.goal(goal, ratio if cores_are_free else None, at_least=1.8)


def one_row(report: Report, folder: Path, name: str) -> None:
    """One row of a large chunk, from the directory."""
    array: Any = zarr.open_group(folder / "directory", mode="r")[name]
    reader = BlockReader(meta_from_zarr(array), LocalStore(folder / "directory"))
    coords, row, rows = first_coords(array, 1), ROWS // 3, array.chunks[0]
    wanted = rows + row
    ways: dict[str, Callable[[], Array]] = {
        "vczero": lambda: reader.read_chunk(coords, slice(row, row + 1)),
        "vczero, by the whole chunk": lambda: reader.read_chunk(coords)[row : row + 1],
        "zarr.Array[...]": lambda: array[wanted : wanted + 1],
        "open, read, numcodecs": lambda: plain_read(folder, array)(1)[row : row + 1],
    }
    for peer, read in peers(folder, array).items():
        ways[peer] = partial(read_row, read, row)
    calls = [Call(way, read) for way, read in ways.items()]
    result = report.add(compare(f"`{name}`: one row, directory", calls, same=arrays_equal))
    report.goal(
        f"`{name}`, one row, times as fast as its chunk",
        result.ratio("vczero, by the whole chunk", "vczero"),
        at_least=10,
    )


def read_row(read: Callable[[int], Array], row: int) -> Array:
    """One row of chunk 1, which is read whole."""
    return read(1)[row : row + 1]


def counts(report: Report, folder: Path, name: str, at_least: float) -> None:
    """Values counted per row, against decoding alone."""
    array: Any = zarr.open_group(folder / "directory", mode="r")[name]
    reader = BlockReader(meta_from_zarr(array), LocalStore(folder / "directory"))
    encoded = reader.fetch(first_coords(array, 0))
    stored = encoded.data
    assert isinstance(stored, bytes | bytearray | memoryview)
    buffer = np.empty(array.chunks, array.dtype)
    flat = buffer.reshape(ROWS, -1)

    def ours() -> Array:
        counted = np.zeros((ROWS, 4), np.int32)
        assert count_rows(stored, buffer.nbytes, [(0, buffer.nbytes)], flat.shape[1], flat.shape[1], counted)
        return counted

    def numpy() -> Array:
        library.decompress(stored, buffer)
        return np.stack([(flat == value).sum(axis=1, dtype=np.int32) for value in (0, 1, -2, -1)], axis=1)

    def decode_only() -> Array:
        library.decompress(stored, buffer)
        return expected

    expected = numpy()
    calls = [
        Call("count_rows", ours),
        Call("numcodecs, decoding alone", decode_only),
        Call("numcodecs, NumPy", numpy),
    ]
    result = report.add(
        compare(f"`{name}`: alleles counted in one chunk, from memory", calls, same=arrays_equal)
    )
    ratio = cpu_ratio(result, "numcodecs, decoding alone", "count_rows")
    report.goal(f"`{name}`, counting, times as fast as decoding alone (CPU time)", ratio, at_least=at_least)


def main() -> None:
    """All tasks, on arrays made for the purpose."""
    library.use_threads = False
    zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
    report = Report("Chunks", __doc__ or "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        results = whole_chunks(report, folder, "small", SMALL_CHUNKS)
        small = results["directory"]
        plain = small.ratio("vczero", "open, read, numcodecs")
        report.goal("4 KB chunk, of the plain loop's time", plain, at_most=1.5)
        for kind, result in results.items():
            ratio = result.ratio("zarr.Array.blocks", "vczero")
            report.goal(f"4 KB chunk, {kind}, times as fast as zarr.Array.blocks", ratio, at_least=10)
        for large in ("genotypes", "depth"):
            whole_chunks(report, folder, large, 1)
        large_chunk(report, folder, "genotypes", 2.0)
        large_chunk(report, folder, "missing", 1.0)
        large_chunk(report, folder, "depth", 0.95)
        two_threads(report, folder, "genotypes")
        for large in ("genotypes", "depth"):
            one_row(report, folder, large)
        counts(report, folder, "genotypes", 2.5)
        counts(report, folder, "missing", 1.5)
    report.finish()


if __name__ == "__main__":
    main()
