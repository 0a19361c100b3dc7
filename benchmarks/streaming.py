"""Ways of streaming the cohort: vczero and its peers, each a function that gives a checksum of what it read.

A way may be called in this process (`Call`) or in a fresh interpreter (`Isolated`), so that arguments and
results are JSON. The checksum is over every 100th row (`full`: over all), so that taking it costs nothing.
"""

from __future__ import annotations

import sys
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np

REGION = ("20", 2_000_000, 2_010_000)
Pieces = Iterable[Sequence["np.ndarray[Any, Any]"]]


# What each way imports before it is timed, where it runs in an interpreter of its own.
IMPORTS = {
    "vczero": ("vczero.vcz.reader", "vczero.vcz.opening"),
    "vcztools": ("vcztools.retrieval", "vcztools.utils", "zarr"),
    "zarr_blocks": ("zarr",),
}


def checksum(pieces: Pieces, *, full: bool = False) -> int:
    """CRC-32 over runs of rows; each piece has a run's arrays, one per chunk of samples, in order."""
    total = 0
    for piece in pieces:
        rows = [_fixed(array if full else array[::100]) for array in piece]
        whole = rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)
        total = zlib.crc32(np.ascontiguousarray(whole).data, total)
    return total


def _fixed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array, of bytes of fixed width if it is text."""
    return array.astype(object).astype(np.bytes_) if array.dtype.kind == "T" else array


def vczero(path: str, fields: Sequence[str], options: Mapping[str, Any], full: bool = False) -> Any:
    """Through `variant_chunks`; with requests and stored bytes as figures."""
    import vczero

    with vczero.open(path, **options) as reader:
        batches = reader.variant_chunks(fields)
        total = checksum(([batch[name]] for batch in batches for name in fields), full=full)
        said = batches.statistics()
    figures = {"requests": str(said.requests), "MiB fetched": f"{said.bytes_fetched / 2**20:.1f}"}
    return {"checksum": total, "figures": figures}


def vczero_batches(path: str, fields: Sequence[str], options: Mapping[str, Any]) -> int:
    """The number of batches, which are dropped as they come."""
    import vczero

    with vczero.open(path, **options) as reader:
        return sum(1 for _ in reader.variant_chunks(fields))


def _ahead(read: Callable[[Any], Any], items: Iterable[Any], threads: int) -> Iterator[Any]:
    """`read` of each item, in order, up to twice as many ahead as there are threads."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[Any]] = deque()
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _by_rows(pieces: Iterator[Any], columns: int) -> Iterator[list[Any]]:
    while piece := list(islice(pieces, columns)):
        yield piece


def fetch_all(store: Any, keys: Sequence[str], concurrency: int) -> None:
    """Get objects from a store of obstore, so many at a time, and drop them."""
    import asyncio

    async def fetch() -> None:
        permits = asyncio.Semaphore(concurrency)

        async def one(key: str) -> None:
            async with permits:
                await (await store.get_async(key)).bytes_async()

        await asyncio.gather(*map(one, keys))

    asyncio.run(fetch())


def _zarr_store(path: str) -> Any:
    import zarr

    if path.startswith("http"):
        from obstore.store import HTTPStore

        return zarr.storage.ObjectStore(HTTPStore(path, client_options={"allow_http": True}), read_only=True)
    return zarr.storage.ZipStore(path, mode="r") if path.endswith(".zip") else path


def zarr_blocks(path: str, fields: Sequence[str], full: bool = False, fused: bool = False) -> Any:
    """A loop over `zarr.Array.blocks` with a pool of 32 threads; sharded arrays by their shards."""
    import zarr

    if fused:
        zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline"})
    group = zarr.open_group(_zarr_store(path), mode="r")
    arrays: list[Any] = [group[name] for name in fields]
    runs = []
    for array in arrays:
        size = array.shards or array.chunks
        grid = [-(-length // chunk) for length, chunk in zip(array.shape, size, strict=True)]
        columns = int(np.prod(grid[1:]))
        coords = product(*map(range, grid))
        runs.append(_by_rows(_ahead(array.blocks.__getitem__, coords, 32), columns))
    pieces = (piece for together in zip(*runs, strict=True) for piece in together)
    return {"checksum": checksum(pieces, full=full)}


def zarr_part(path: str, part: str) -> Any:
    """A part of the genotypes by zarr-python's own indexing; `part` as in `bench_stream.PARTS`."""
    import zarr

    group: Any = zarr.open_group(path, mode="r")
    genotypes = group["call_genotype"]
    if part == "first five chunks of variants":
        found = genotypes[:5000]
    elif part == "first chunk of samples":
        found = genotypes[:, :10_000]
    else:
        first, last = np.searchsorted(group["variant_position"][:], [REGION[1], REGION[2] + 1])
        found = genotypes[first:last]
        if part == "one region, 1 % of samples":
            found = found[:, ::100]
    return {"checksum": checksum([[found]], full=True)}


def tensorstore(path: str, fields: Sequence[str], full: bool = False) -> Any:
    """1000 rows at a time, four reads ahead."""
    import tensorstore

    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": f"{path}/{fields[0]}"}}
    array = tensorstore.open(spec, read=True).result()
    waiting: deque[Any] = deque()

    def pieces() -> Iterator[list[Any]]:
        for start in range(0, array.shape[0], 1000):
            waiting.append(array[start : start + 1000].read())
            if len(waiting) > 4:
                yield [waiting.popleft().result()]
        while waiting:
            yield [waiting.popleft().result()]

    return {"checksum": checksum(pieces(), full=full)}


def zarrista(path: str, fields: Sequence[str], full: bool = False) -> Any:
    """Chunks in two threads."""
    import zarrista

    array = zarrista.Array.open(zarrista.store.FilesystemStore(path), "/" + fields[0])
    shape, chunks = array.shape, (1000, 10_000, 2)[: len(array.shape)]
    grid = [-(-length // chunk) for length, chunk in zip(shape, chunks, strict=True)]

    def read(coords: Sequence[int]) -> Any:
        return np.asarray(array.retrieve_chunk(list(coords)))

    pieces = _by_rows(_ahead(read, product(*map(range, grid)), 2), int(np.prod(grid[1:])))
    return {"checksum": checksum(pieces, full=full)}


def vcztools(path: str, fields: Sequence[str], full: bool = False) -> Any:
    """vcztools' own reader with its defaults."""
    from vcztools.retrieval import VczReader
    from vcztools.utils import open_zarr

    with VczReader(open_zarr(path)) as reader:
        batches = reader.variant_chunks(fields=list(fields))
        return {"checksum": checksum(([batch[name]] for batch in batches for name in fields), full=full)}


class CodecLimit:
    """numcodecs decoding an array's chunks from memory, in threads, into buffers that are used again."""

    def __init__(self, path: Path, threads: int) -> None:
        from numcodecs import blosc

        blosc.use_threads = False
        files = sorted(path.glob("[0-9]*"), key=lambda file: [int(part) for part in file.name.split(".")])
        self._chunks = [file.read_bytes() for file in files]
        self._sizes = [int.from_bytes(chunk[4:8], "little") for chunk in self._chunks]
        self._buffers = [np.empty(max(self._sizes), np.uint8) for _ in range(threads)]
        self._decompress = blosc.decompress

    def run(self) -> None:
        """Decode all chunks once."""

        def work(number: int) -> None:
            buffer = self._buffers[number]
            step = len(self._buffers)
            for chunk, size in zip(self._chunks[number::step], self._sizes[number::step], strict=True):
                self._decompress(chunk, buffer[:size])

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(self._buffers))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def serve(folder: str, latency_seconds: float) -> None:
    """An HTTP server on loopback that answers each GET after a pause; prints its URL.

    It shares the client's cores, so it does as little as it can: answers are kept, and written from a timer.
    """
    import asyncio
    from functools import cache

    @cache
    def answer(path: str) -> bytes:
        file = Path(folder, path.lstrip("/"))
        if not file.is_file():
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        data = file.read_bytes()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.head = b""

        def data_received(self, data: bytes) -> None:
            self.head += data
            if self.head.endswith(b"\r\n\r\n"):  # a client sends no second request before it has its answer
                path = self.head.split(b" ", 2)[1].decode()
                self.head = b""
                loop.call_later(latency_seconds, self.transport.write, answer(path))

    async def run() -> None:
        server = await loop.create_server(Connection, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        print(f"http://{host}:{port}", flush=True)
        await server.serve_forever()

    loop = asyncio.new_event_loop()
    loop.run_until_complete(run())


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]))
