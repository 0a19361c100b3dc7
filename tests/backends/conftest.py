"""Three stores (v2, v3, sharded v3), and the servers that serve them, all on loopback."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import zarr

from support.contents import contents
from support.httpserver import HttpServer
from support.s3 import upload
from vczero.chunks.stores import LocalStore

ARRAYS = {
    "v2": {"zarr_format": 2},
    "v3": {"zarr_format": 3},
    "sharded": {"zarr_format": 3, "shards": (20, 10)},
}


def fill(group):
    """Three arrays: chunks at edges, absent chunks, and a chunk large enough to be fetched in part."""
    rng = np.random.default_rng(3)
    for name, options in ARRAYS.items():
        if options["zarr_format"] != group.metadata.zarr_format:
            continue
        array = group.create_array(
            name,
            shape=(30, 10),
            chunks=(10, 5),
            dtype="i4",
            fill_value=-9,
            **{k: v for k, v in options.items() if k == "shards"},
        )
        array[:20] = rng.integers(0, 1000, (20, 10))
    text = group.create_array("text", shape=(9,), chunks=(4,), dtype=str)
    text[:] = np.array([f"word {i}" for i in range(9)], dtype=np.dtypes.StringDType())


@pytest.fixture(scope="session")
def directory(tmp_path_factory):
    """A directory with a v2 and a v3 hierarchy."""
    root = tmp_path_factory.mktemp("served")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for zarr_format in (2, 3):
            fill(zarr.create_group(root / f"v{zarr_format}.zarr", zarr_format=zarr_format))
    return root


@pytest.fixture(scope="session")
def objects(directory):
    """The same as a mapping."""
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def http(objects):
    """The same over HTTP."""
    with HttpServer(objects) as server:
        yield server


@pytest.fixture(scope="session")
def endpoint():
    server_module = pytest.importorskip("moto.server", reason="moto is not installed")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def bucket(endpoint, objects):
    """A bucket with the objects below `data/`."""
    upload(endpoint, "bucket", {f"data/{key}": data for key, data in objects.items()})
    return "s3://bucket/data"


@pytest.fixture(scope="session")
def expected(directory):
    """What the local directory gives."""
    return {
        zarr_format: contents(LocalStore(directory / f"v{zarr_format}.zarr"), zarr_format)
        for zarr_format in (2, 3)
    }


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def zarr_format(request):
    return request.param
