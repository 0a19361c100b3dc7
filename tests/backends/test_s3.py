"""S3, as moto's server speaks it on loopback, through obstore, s3fs and icechunk."""

from __future__ import annotations

import asyncio

import pytest

from support.contents import contents
from support.s3 import KEYS, options_of
from vczero.chunks.stores import LocalStore, open_store
from vczero.errors import StoreError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_s3(bucket, endpoint, expected, zarr_format, backend):
    # The same bytes as from the directory; absent objects are absent.
    pytest.importorskip(backend)
    store = open_store(
        f"{bucket}/v{zarr_format}.zarr",
        backend_storage=backend,
        storage_options=options_of(backend, endpoint),
    )
    assert contents(store, zarr_format) == expected[zarr_format]


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_ranges_and_listing(bucket, directory, endpoint, backend):
    # As the contract of stores has it, beyond the end included.
    pytest.importorskip(backend)
    store = open_store(
        f"{bucket}/v3.zarr", backend_storage=backend, storage_options=options_of(backend, endpoint)
    )
    local = LocalStore(directory / "v3.zarr")

    async def main():
        ranges = [(0, 4), (-4, 4), (-4, 2), (10, 10**6), (10**7, 3), (-(10**7), 10**7), (-(10**7), 3), (5, 0)]
        parts = await store.get_ranges("v3/zarr.json", ranges)
        assert [bytes(part) for part in parts] == [
            bytes(part) for part in local.get_ranges("v3/zarr.json", ranges)
        ]
        assert await store.get_ranges("v3/nothing", [(0, 1), (2, 3)]) is None
        assert sorted(await store.list_dir("")) == sorted(local.list_dir(""))
        assert sorted(await store.list_dir("v3")) == sorted(local.list_dir("v3"))

    asyncio.run(main())


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_a_bucket_that_is_not_there_is_not_an_absent_chunk(endpoint, backend):
    # A misspelt or deleted bucket must not read as fill values. And the key to it stays hidden.
    pytest.importorskip(backend)
    store = open_store(
        "s3://nosuchbucket/x", backend_storage=backend, storage_options=options_of(backend, endpoint)
    )
    with pytest.raises(StoreError, match="bucket does not exist") as caught:
        asyncio.run(store.get("a/0"))
    for shown in (str(caught.value), repr(caught.value), repr(store)):
        assert KEYS["secret_access_key"] not in shown


def test_icechunk_on_s3(bucket, endpoint):
    # A repository in a bucket.
    icechunk = pytest.importorskip("icechunk")
    import zarr

    settings = {
        "endpoint_url": endpoint,
        "region": "us-east-1",
        "allow_http": True,
        "force_path_style": True,
        **KEYS,
    }
    repository = icechunk.Repository.create(icechunk.s3_storage(bucket="bucket", prefix="repo", **settings))
    session = repository.writable_session("main")
    zarr.create_array(session.store, name="x", shape=(4,), chunks=(2,), dtype="i1")[:] = 7
    session.commit("first")
    store = open_store("s3://bucket/repo", backend_storage="icechunk", storage_options=settings)
    assert asyncio.run(store.get("x/c/9")) is None
    assert len(asyncio.run(store.get("x/c/1"))) > 0
