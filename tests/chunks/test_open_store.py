"""Which store opens what: paths, URLs, mappings, store objects, and mistakes."""

from __future__ import annotations

import os
import zipfile

import pytest
import zarr

from support.stores import ScriptedStore
from vczero.chunks.stores import LocalStore, MemoryStore, open_store
from vczero.chunks.zarrstore import SyncZarrStore
from vczero.chunks.zipstore import ZipStore
from vczero.errors import OptionError, StoreError, StoreNotFoundError


@pytest.fixture
def directory(tmp_path):
    (tmp_path / "d.zarr").mkdir()
    (tmp_path / "d.zarr" / ".zgroup").write_bytes(b"{}")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr(".zgroup", b"{}")
    (tmp_path / "text").write_text("no store")
    return tmp_path


def test_paths(directory):
    # A directory, a zip file under any name, as text or as a path.
    assert isinstance(open_store(directory / "d.zarr"), LocalStore)
    assert isinstance(open_store(str(directory / "d.zarr"), backend_storage="local"), LocalStore)
    assert isinstance(open_store(directory / "d.zip"), ZipStore)
    assert isinstance(open_store(f"file://{directory}/d.zip"), ZipStore)
    os.rename(directory / "d.zip", directory / "other.name")
    assert open_store(directory / "other.name").get(".zgroup") == b"{}"


def test_paths_with_strange_names(directory):
    # Spaces, percent signs, what looks like a drive or a query: a path is a path; in a URL they are quoted.
    for name in ("a b%20c?d=e#f", "C:x", "ü"):
        (directory / name).mkdir()
        (directory / name / "k").write_bytes(b"1")
        assert open_store(directory / name).get("k") == b"1"
        assert open_store((directory / name).as_uri()).get("k") == b"1"


def test_what_is_not_there_or_no_store(directory):
    # Each mistake has its own words.
    with pytest.raises(StoreNotFoundError, match="path of the store is empty"):
        open_store("")
    with pytest.raises(StoreNotFoundError, match="absent: no such directory"):
        open_store(directory / "absent")
    with pytest.raises(StoreError, match="text: not a sound zip file"):
        open_store(directory / "text")
    with pytest.raises(OptionError, match=r"http://\*\*\*@\[bad/x is no URL"):
        open_store("http://me:secret@[bad/x")
    with pytest.raises(OptionError, match=r"http://\*\*\*@host/x: the backend 'local' reads paths"):
        open_store("http://me:secret@host/x", backend_storage="local")
    with pytest.raises(OptionError, match="a list is not a store"):
        open_store([1])
    with pytest.raises(OptionError, match="a file URL of another host"):
        open_store("file://elsewhere/x")


def test_objects(directory):
    # Mappings, stores of ours, and zarr stores.
    assert isinstance(open_store({"a": b"1"}), MemoryStore)
    store = ScriptedStore({})
    assert open_store(store) is store
    assert isinstance(open_store(zarr.storage.LocalStore(directory / "d.zarr")), LocalStore)
    assert isinstance(open_store(zarr.storage.ZipStore(directory / "d.zip", read_only=True)), ZipStore)
    assert isinstance(open_store(zarr.storage.MemoryStore()), SyncZarrStore)
    assert not open_store(zarr.storage.ZipStore(directory / "w.zip", mode="w", read_only=False)).synchronous
    with pytest.raises(OptionError, match="storage_options make no sense for a dict"):
        open_store({}, storage_options={"a": 1})
