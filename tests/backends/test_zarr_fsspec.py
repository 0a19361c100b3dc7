"""zarr-python's own fsspec stores, handed in: over HTTP, from several event loops one after the other."""

from __future__ import annotations

import numpy as np
import pytest
import zarr

from vczero.chunks.blocks import BlockReader
from vczero.chunks.stores import open_store


@pytest.mark.parametrize("name", ["v3", "sharded"])
def test_an_array_over_http_can_be_handed_in(http, directory, name):
    # Each call has an event loop of its own; the connections must not die with the first.
    pytest.importorskip("aiohttp")
    store = zarr.storage.FsspecStore.from_url(f"{http.url}/v3.zarr", read_only=True)
    expected = zarr.open_array(directory / "v3.zarr", path=name, mode="r")[...]
    meta = BlockReader(zarr.open_array(directory / "v3.zarr", path=name, mode="r")).meta
    reader = BlockReader(meta, open_store(store))
    for coords in [(0, 0), (2, 1), (1, 0), (0, 0)]:
        i, j = coords
        block = expected[10 * i : 10 * i + 10, 5 * j : 5 * j + 5]
        assert np.array_equal(reader.read_chunk(coords), block)
