"""Runs of chunks that are read as one give what the array holds, by one request for each chunk."""

from __future__ import annotations

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from support.stores import ScriptedStore
from vczero.chunks.blocks import BlockReader
from vczero.chunks.joined import JoinedChunks
from vczero.chunks.metadata import meta_from_zarr
from vczero.chunks.stores import run_fetch
from vczero.errors import ChunkError
from vczero.strings import Strings

ROWS, CHUNK = 37, 4


@pytest.fixture(scope="module")
def arrays():
    """Numbers with an axis more, two of whose chunks are not stored, and text: objects, metadata, values."""
    store = zarr.storage.MemoryStore()
    group = zarr.open_group(store, mode="w", zarr_format=2)
    values = np.arange(ROWS * 5, dtype="<i4").reshape(ROWS, 5) + 1
    values[8:16, :3] = 0
    numbers = group.create_array("n", shape=values.shape, dtype="<i4", chunks=(CHUNK, 3), fill_value=0)
    numbers[...] = values
    texts = np.array(["x" * (row % 5) for row in range(ROWS)], dtype=np.dtypes.StringDType())
    words = group.create_array("t", shape=texts.shape, dtype=str, chunks=(CHUNK,))
    words[...] = texts
    objects = {key: value.to_bytes() for key, value in store._store_dict.items()}
    return objects, {"n": meta_from_zarr(numbers), "t": meta_from_zarr(words)}, {"n": values, "t": texts}


def as_array(value):
    return value.to_numpy() if isinstance(value, Strings) else value


runs = st.lists(st.integers(0, ROWS), min_size=2, max_size=6, unique=True).map(sorted)


@given(count=st.integers(2, 12), name=st.sampled_from(["n", "t"]), bounds=st.none() | runs, data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_run_of_chunks_gives_the_rows_of_the_array(arrays, count, name, bounds, data):
    objects, metas, expected = arrays
    store = ScriptedStore(objects)
    reader = JoinedChunks(BlockReader(metas[name], store), count)
    number = data.draw(st.integers(0, reader.cdata_shape[0] - 1))
    coords = (number, *(data.draw(st.integers(0, length - 1)) for length in reader.cdata_shape[1:]))
    base = number * count * CHUNK
    part = expected[name][base : base + count * CHUNK]
    if name == "n":
        part = part[:, coords[1] * 3 : coords[1] * 3 + 3]
    assert reader.actual_chunk_shape(coords) == part.shape
    rows = None
    places = np.arange(len(part))
    if bounds is not None:
        inside = [min(bound, len(part)) for bound in bounds]
        pairs = [(low, high) for low, high in zip(inside[::2], inside[1::2], strict=False) if low < high]
        if pairs:
            rows = tuple(slice(low, high) for low, high in pairs)
            places = np.concatenate([np.arange(low, high) for low, high in pairs])
    encoded = reader.fetch(coords, rows)
    again = run_fetch(reader.requests(coords, rows), store)
    wanted = sorted({int(place) // CHUNK + number * count for place in places})
    tail = [] if name == "t" else [coords[1]]
    keys = [f"{name}/" + ".".join(map(str, [first, *tail])) for first in wanted]
    assert [request.key for request in store.log] == keys * 2
    assert encoded.nbytes == again.nbytes == sum(len(objects.get(key, b"")) for key in keys)
    assert as_array(reader.decode(encoded)).tolist() == part[places].tolist()
    if name == "n":
        out = np.full((len(places), 7), -1, "<i4")[:, 2 : 2 + part.shape[1]]
        assert reader.decode(again, out) is out
        assert out.tolist() == part[places].tolist()


def test_an_error_names_the_chunk_and_not_the_run(arrays):
    objects, metas, _ = arrays
    store = ScriptedStore({**objects, "n/4.1": b"damaged"})
    reader = JoinedChunks(BlockReader(metas["n"], store), 3)
    with pytest.raises(ChunkError, match=r"array n, chunk 4\.1 \(n/4\.1\)"):
        reader.read_chunk((1, 1))
