"""A reader gives the same batches, bit for bit, whatever the backend; and asks each for little."""

from __future__ import annotations

import asyncio
import io
import zipfile

import numpy as np
import pytest

import vczero
from support.httpserver import HttpServer
from support.s3 import options_of, upload
from support.vcz_builder import build_vcz, example_columns

CHUNKS = {"variants": 60, "samples": 8}
STORES = {
    "v2": {"zarr_format": 2},
    "v2c": {"zarr_format": 2, "consolidated": True},
    "v3": {"zarr_format": 3},
    "v3c": {"zarr_format": 3, "consolidated": True},
    "sharded": {"zarr_format": 3, "shards": {"variants": 2, "samples": 2}},
}
LAYOUTS = ["v2", "v3", "sharded"]
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="session")
def stores(tmp_path_factory):
    """The same columns in every layout, as directories."""
    root = tmp_path_factory.mktemp("stores")
    for name, options in STORES.items():
        build_vcz(root / name, example_columns(150, 12), chunks=CHUNKS, **options)
    return root


@pytest.fixture(scope="session")
def stored(stores):
    """All objects of all layouts, and each layout as a zip archive."""
    objects = {
        path.relative_to(stores).as_posix(): path.read_bytes() for path in stores.rglob("*") if path.is_file()
    }
    for name in STORES:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for key, data in objects.items():
                if key.startswith(f"{name}/"):
                    archive.writestr(key, data)
        objects[f"{name}.zip"] = buffer.getvalue()
    return objects


@pytest.fixture
def server(stored):
    with HttpServer(stored) as server:
        yield server


def batches(source, **options):
    """Every batch of every field, as bytes and types; and with few rows and few samples."""
    found = []
    with vczero.open(source, **options) as reader:
        fields = sorted(name for name in reader.field_names if name.startswith(("variant_", "call_")))
        found += [
            [(name, *frozen(batch[name])) for name in fields] for batch in reader.variant_chunks(fields)
        ]
        reader.set_variants([3, 77, 149])
        reader.set_samples([reader.sample_ids[-1], reader.sample_ids[0]])
        found += [
            [(name, *frozen(batch[name])) for name in fields] for batch in reader.variant_chunks(fields)
        ]
    assert found
    return found


def frozen(array):
    return str(array.dtype), array.shape, array.tolist() if array.dtype.kind in "TO" else array.tobytes()


@pytest.fixture(scope="session")
def expected(stores):
    """What the local directories give: one answer for all of them."""
    first, *others = (batches(stores / name) for name in LAYOUTS)
    assert all(other == first for other in others)
    return first


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
@pytest.mark.parametrize("suffix", ["", ".zip"])
def test_http(server, expected, layout, backend, suffix):
    # A directory and an archive behind a web server. The latter has a list of its own.
    pytest.importorskip("obstore" if backend == "obstore" else "aiohttp")
    if not suffix:
        layout = {"v2": "v2c", "v3": "v3c"}.get(layout)
        if layout is None:
            pytest.skip("a web server lists nothing, and this layout has no consolidated metadata")
    assert batches(f"{server.url}/{layout}{suffix}", backend_storage=backend) == expected


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
def test_s3(endpoint, stored, expected, layout, backend):
    # Through obstore and s3fs.
    pytest.importorskip(backend)
    bucket = f"{layout}-{backend}"
    upload(endpoint, bucket, {key: data for key, data in stored.items() if key.startswith(f"{layout}/")})
    options = options_of(backend, endpoint)
    assert batches(f"s3://{bucket}/{layout}", backend_storage=backend, storage_options=options) == expected


@pytest.mark.parametrize("layout", ["v3", "sharded"])
def test_icechunk(tmp_path, stored, expected, layout):
    # The same hierarchy committed to a repository on disk.
    icechunk = pytest.importorskip("icechunk")
    from zarr.core.buffer import default_buffer_prototype

    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path)))
    session = repository.writable_session("main")
    make = default_buffer_prototype().buffer.from_bytes

    async def copy():
        for key, data in sorted(stored.items(), key=lambda item: not item[0].endswith("zarr.json")):
            if key.startswith(f"{layout}/"):
                await session.store.set(key.removeprefix(f"{layout}/"), make(data))

    asyncio.run(copy())
    session.commit("all")
    assert batches(str(tmp_path), backend_storage="icechunk") == expected
    assert batches(repository.readonly_session("main").store) == expected


@pytest.mark.parametrize("backend", ["obstore", "fsspec"])
@pytest.mark.parametrize(
    ("layout", "most"), [("v2", 2 + 4), ("v3", 2 + 4), ("sharded", 2 + 4), ("v2c", 2), ("v3c", 2)]
)
def test_few_metadata_requests(server, layout, most, backend):
    # Two columns cost at most two documents and four more, consolidated two in all; nothing is listed.
    pytest.importorskip("obstore" if backend == "obstore" else "aiohttp")
    with vczero.open(f"{server.url}/{layout}", backend_storage=backend) as reader:
        for batch in reader.variant_chunks(["variant_position", "variant_contig"]):
            assert np.all(batch["variant_position"] > 0)
    assert {method for method, _, _ in server.log} <= {"GET", "HEAD"}
    keys = [key for _, key, _ in server.log]
    metadata = [
        key
        for key in keys
        if key.rpartition("/")[2] in {".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json"}
    ]
    assert len(metadata) <= most, metadata
    assert {key.split("/")[1] for key in keys if key not in metadata} == {
        "variant_position",
        "variant_contig",
    }


def test_a_fault_in_the_middle_is_an_error_and_not_a_batch(server):
    # The batches before it come; then the error, with URL and key; nothing is filled in.
    pytest.importorskip("obstore")
    quick = {"retry_config": {"max_retries": 1, "backoff": {"init_backoff": 0.001}}}
    server.fault("v3c/variant_position/c/2", "503", every=True)
    with vczero.open(f"{server.url}/v3c", storage_options=quick) as reader:
        stream = reader.variant_chunks(["variant_position"])
        assert [len(next(stream)["variant_position"]) for _ in range(2)] == [60, 60]
        with pytest.raises(vczero.errors.StoreError, match=r"/v3c: cannot read variant_position/c/2"):
            next(stream)
