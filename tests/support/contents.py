"""What a store holds, decoded, however it is read: to compare one backend with another."""

from __future__ import annotations

import asyncio
import itertools

from vczero.chunks.blocks import BlockReader
from vczero.chunks.metadata import parse_v2, parse_v3
from vczero.chunks.stores import Request, run_fetch, run_fetch_async
from vczero.strings import Strings


def read_metadata(name, zarr_format):
    if zarr_format == 3:
        return parse_v3(name, (yield Request(f"{name}/zarr.json")))
    document = yield Request(f"{name}/.zarray")
    return parse_v2(name, document, (yield Request(f"{name}/.zattrs")))


def contents(store, zarr_format):
    """Every chunk of every array, whole and a few rows of each, decoded."""

    async def run_async(fetches):
        permits = asyncio.Semaphore(8)
        return await asyncio.gather(*(run_fetch_async(fetch, store, permits) for fetch in fetches))

    def run(fetches):
        if store.synchronous:
            return [run_fetch(fetch, store) for fetch in fetches]
        return asyncio.run(run_async(fetches))

    names = ["v2", "text"] if zarr_format == 2 else ["v3", "sharded", "text"]
    found = {}
    for name, meta in zip(names, run([read_metadata(name, zarr_format) for name in names]), strict=True):
        reader = BlockReader(meta, store)
        grid = list(itertools.product(*(range(count) for count in reader.cdata_shape)))
        for rows in (None, slice(0, 1)):
            for encoded in run([reader.requests(coords, rows) for coords in grid]):
                value = reader.decode(encoded)
                value = value.to_objects() if isinstance(value, Strings) else value
                found[name, encoded.coords, rows is None] = value.tolist()
    return found
