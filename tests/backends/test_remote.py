"""Every backend gives the bytes that the directory gives, and says clearly what goes wrong. Servers are
real, on loopback.
"""

from __future__ import annotations

import asyncio
import io
import zipfile

import numpy as np
import pytest
import zarr

from support.contents import contents, read_metadata
from vczero.chunks.blocks import BlockReader
from vczero.chunks.remote import choose_backend
from vczero.chunks.retry import RetryPolicy
from vczero.chunks.stores import LocalStore, open_store, run_fetch_async, slice_ranges
from vczero.errors import MissingDependencyError, OptionError, StoreError, StoreNotFoundError

QUICK = {"max_retries": 3, "retry_timeout": 10, "backoff": {"init_backoff": 0.001, "max_backoff": 0.002}}


@pytest.fixture
def needs():
    def skip_without(*packages):
        for package in packages:
            pytest.importorskip(package, reason=f"{package} is not installed")

    return skip_without


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_http(http, expected, zarr_format, backend, needs):
    # A directory behind any web server that knows ranges.
    needs("obstore" if backend == "obstore" else "aiohttp")
    store = open_store(f"{http.url}/v{zarr_format}.zarr", backend_storage=backend)
    assert contents(store, zarr_format) == expected[zarr_format]
    assert not store.synchronous


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_zip_over_http(http, directory, expected, zarr_format, backend, needs):
    # The archive stays where it is: its directory and its members are read by ranges.
    needs("obstore" if backend == "obstore" else "aiohttp")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        root = directory / f"v{zarr_format}.zarr"
        for path in sorted(root.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(directory))
    http.objects["x.zip"] = buffer.getvalue()
    store = open_store(f"{http.url}/x.zip", backend_storage=backend)
    assert contents(store, zarr_format) == expected[zarr_format]
    assert {key for _, key, _ in http.log} == {"x.zip"}
    assert all(wanted for method, _, wanted in http.log if method == "GET")


@pytest.mark.parametrize("backend", ["obstore", "fsspec", None])
def test_file_urls(directory, expected, zarr_format, backend, needs):
    # The same through the backends' own local file systems, and through ours; by URL and by path.
    needs(backend or "zarr")
    for prefix in ("file://", ""):
        store = open_store(f"{prefix}{directory}/v{zarr_format}.zarr", backend_storage=backend)
        assert store.synchronous == (backend is None)
        assert contents(store, zarr_format) == expected[zarr_format]


def test_zarr_stores(directory, objects, expected, zarr_format, needs):
    # Whatever zarr-python can open can be handed in; what can be read on the calling thread is.
    name = f"v{zarr_format}.zarr"
    local = open_store(zarr.storage.LocalStore(directory / name))
    assert isinstance(local, LocalStore)
    memory = zarr.storage.MemoryStore()
    prototype = zarr.core.buffer.default_buffer_prototype()
    for key, data in objects.items():
        if key.startswith(name):
            asyncio.run(memory.set(key.removeprefix(f"{name}/"), prototype.buffer.from_bytes(data)))
    for store in (open_store(memory), open_store(zarr.storage.LoggingStore(memory))):
        assert contents(store, zarr_format) == expected[zarr_format]
    needs("obstore")
    import obstore.store

    wrapped = zarr.storage.ObjectStore(obstore.store.LocalStore(directory / name), read_only=True)
    assert contents(open_store(wrapped), zarr_format) == expected[zarr_format]
    assert not open_store(wrapped).synchronous


@pytest.mark.parametrize("version", ["branch", "tag", "snapshot", None])
def test_icechunk(tmp_path, directory, needs, version):
    # A repository on disk, at each kind of version; what was committed later is not seen.
    needs("icechunk")
    import icechunk

    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path)))
    session = repository.writable_session("main")
    array = zarr.create_array(
        session.store, name="x", shape=(20,), chunks=(6,), shards=None, dtype="i2", fill_value=5
    )
    array[:12] = np.arange(12)
    snapshot = session.commit("first")
    repository.create_tag("v1", snapshot_id=snapshot)
    repository.create_branch("dev", snapshot_id=snapshot)
    if version is not None:
        session = repository.writable_session("main")
        zarr.open_array(session.store, path="x")[:] = 0
        session.commit("second")
    options = {"branch": {"branch": "dev"}, "tag": {"tag": "v1"}, "snapshot": {"snapshot": snapshot}}.get(
        version
    )
    store = open_store(str(tmp_path), backend_storage="icechunk", storage_options=options)
    meta = asyncio.run(run_fetch_async(read_metadata("x", 3), store, asyncio.Semaphore(1)))
    reader = BlockReader(meta, store)

    async def main():
        permits = asyncio.Semaphore(4)
        return [await run_fetch_async(reader.requests((i,)), store, permits) for i in range(4)]

    chunks = [reader.decode(encoded).tolist() for encoded in asyncio.run(main())]
    for key in ("x/zarr.json", "x/c/0"):
        data = bytes(get(store, key))
        wanted = [(0, 3), (-3, 3), (-3, 2), (2, 10**6), (10**6, 5), (-(10**6), 10**6)]
        parts = asyncio.run(store.get_ranges(key, wanted))
        assert [bytes(part) for part in parts] == [bytes(part) for part in slice_ranges(data, wanted)]
    assert asyncio.run(store.get_ranges("x/c/9", [(0, 3), (-3, 3)])) is None
    assert chunks == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [5] * 6, [5, 5]]


def test_icechunk_mistakes(tmp_path, needs):
    # No repository, no such branch, two versions at once: errors of ours.
    needs("icechunk")
    import icechunk

    with pytest.raises(StoreNotFoundError, match="cannot open the icechunk repository"):
        open_store(str(tmp_path), backend_storage="icechunk")
    icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path)))
    with pytest.raises(StoreNotFoundError, match="nowhere"):
        open_store(str(tmp_path), backend_storage="icechunk", storage_options={"branch": "nowhere"})
    with pytest.raises(OptionError, match="give one of branch, tag"):
        open_store(str(tmp_path), backend_storage="icechunk", storage_options={"branch": "a", "tag": "b"})
    with pytest.raises(OptionError, match="ftp://"):
        open_store("ftp://host/x", backend_storage="icechunk")


def get(store, key):
    return asyncio.run(store.get(key))


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "truncate"])
def test_faults_that_pass_are_tried_again(http, objects, backend, fault, needs):
    # The network and the server may fail now and then: the bytes come all the same, whole and by ranges.
    needs("obstore" if backend == "obstore" else "aiohttp")
    store = quick(f"{http.url}/v3.zarr", backend)
    data = objects["v3.zarr/v3/c/0/0"]
    http.fault("v3.zarr/v3/c/0/0", fault, fault)
    assert bytes(get(store, "v3/c/0/0")) == data
    http.fault("v3.zarr/v3/c/0/0", fault, fault)
    parts = asyncio.run(store.get_ranges("v3/c/0/0", [(0, 16), (-5, 5), (3, 0)]))
    assert [bytes(part) for part in parts] == [data[:16], data[-5:], b""]


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
@pytest.mark.parametrize("fault", ["429", "500", "503", "reset", "truncate", "short"])
def test_faults_that_stay_are_one_error(http, backend, fault, needs):
    # Bounded, and then an error with URL and key: never an absent chunk, never bytes that are too few.
    needs("obstore" if backend == "obstore" else "aiohttp")
    store = quick(f"{http.url}/v3.zarr", backend)
    key = "v3.zarr/v3/c/0/0"
    http.fault(key, fault, every=True)
    if fault != "short":  # nothing tells that a whole object is shorter than it was
        with pytest.raises(StoreError) as caught:
            get(store, "v3/c/0/0")
        assert caught.value.key == "v3/c/0/0"
        assert http.url in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(StoreError) as caught:
        asyncio.run(store.get_ranges("v3/c/0/0", [(2, 16), (0, 4)]))
    assert caught.value.key == "v3/c/0/0"
    assert len(http.log) < 60


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
@pytest.mark.parametrize("fault", ["401", "403"])
def test_denied_is_not_absent(http, backend, fault, needs):
    # A store that may not be read must not look like one full of fill values. And it is not asked again.
    needs("obstore" if backend == "obstore" else "aiohttp")
    store = quick(f"{http.url}/v3.zarr", backend)
    http.fault("*", fault, every=True)
    with pytest.raises(StoreError, match=r"cannot read v3/c/0/0: (access denied|credentials are missing)"):
        get(store, "v3/c/0/0")
    assert len(http.log) == 1


def quick(url, backend, **options):
    """A store whose retries do not wait."""
    if backend == "obstore":
        options.setdefault("retry_config", QUICK)
    store = open_store(url, backend_storage=backend, storage_options=options)
    store._policy = RetryPolicy(first_seconds=0.0)
    return store


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_a_server_that_does_not_answer_is_given_up(http, backend, needs):
    # After the time that the options allow.
    needs("obstore" if backend == "obstore" else "aiohttp")
    http.fault("*", "hang", every=True)
    if backend == "obstore":
        retry = {**QUICK, "max_retries": 1}
        options = {"retry_config": retry, "client_options": {"timeout": 0.2}}
    else:
        import aiohttp

        options = {"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=0.1)}}
    store = quick(f"{http.url}/v3.zarr", backend, **options)
    with pytest.raises(StoreError, match="cannot read a"):
        get(store, "a")


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_nobody_listens(backend, needs):
    # A wrong port or a host that is down.
    needs("obstore" if backend == "obstore" else "aiohttp")

    with pytest.raises(StoreError, match=r"http://127\.0\.0\.1:9/v3\.zarr: cannot read a:"):
        get(quick("http://127.0.0.1:9/v3.zarr", backend), "a")


def test_a_server_without_ranges(http, objects, needs, monkeypatch):
    # obstore tells, and small objects are then fetched whole; fsspec does not, and is an error.
    needs("obstore", "aiohttp")
    http.fault("*", "whole", every=True)
    data = objects["v3.zarr/v3/c/0/0"]
    store = quick(f"{http.url}/v3.zarr", "obstore")
    parts = asyncio.run(store.get_ranges("v3/c/0/0", [(1, 5), (-3, 2)]))
    assert [bytes(part) for part in parts] == [data[1:6], data[-3:-1]]
    monkeypatch.setattr("vczero.chunks.objectstores._LARGEST_WHOLE_BYTES", 10)
    for backend in ("obstore", "fsspec"):
        with pytest.raises(StoreError, match="does not serve byte ranges"):
            asyncio.run(quick(f"{http.url}/v3.zarr", backend).get_ranges("v3/c/0/0", [(1, 5)]))


def test_signed_urls_keep_their_query_and_their_secret(http, objects, needs):
    # The query goes with every key; it is never shown.
    needs("aiohttp")
    url = f"{http.url}/v3.zarr?signature=TOPSECRET&expires=1"
    assert choose_backend(url) == "fsspec"
    store = open_store(url)
    assert bytes(get(store, "v3/c/0/0")) == objects["v3.zarr/v3/c/0/0"]
    http.fault("*", "403", every=True)
    with pytest.raises(StoreError) as caught:
        get(store, "v3/c/0/0")
    for shown in (str(caught.value), repr(store), store.name, repr(caught.value)):
        assert "TOPSECRET" not in shown


@pytest.mark.parametrize(
    ("url", "backend", "options", "error"),
    [
        ("s3://bucket/x", "nonsense", {}, "must be one of local, fsspec, obstore, icechunk"),
        ("/tmp", None, {"region": "x"}, "storage_options make no sense"),
        ("file:///tmp", None, {"region": "x"}, "takes no storage options"),
        ("nosuch://bucket/x", None, {}, "nosuch"),
        ("nosuch://bucket/x", "obstore", {}, "nosuch"),
        ("s3://bucket/x", "obstore", {"no_such_option": "1"}, "no_such_option"),
    ],
)
def test_impossible_urls_and_options(url, backend, options, error, needs):
    # Each names what is wrong.
    needs("obstore", "fsspec")
    with pytest.raises(OptionError, match=error):
        open_store(url, backend_storage=backend, storage_options=options)


@pytest.mark.parametrize(
    ("backend", "package", "command"),
    [
        ("obstore", "obstore", r"pip install 'vczero\[obstore\]'"),
        ("fsspec", "fsspec", r"pip install 'vczero\[fsspec\]'"),
        ("icechunk", "icechunk", r"pip install 'vczero\[icechunk\]'"),
    ],
)
def test_a_missing_package_is_named_with_its_command(backend, package, command, monkeypatch):
    # Optional packages are optional.
    import sys

    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=f"{package}, which is not installed: {command}"):
        open_store("s3://bucket/x", backend_storage=backend)
