"""Zip archives as others write them, and as nobody should. The standard library's zipfile is the oracle."""

from __future__ import annotations

import asyncio
import io
import os
import random
import shutil
import struct
import subprocess
import threading
import zipfile
import zlib

import pytest

from support.stores import AsyncScriptedStore, ScriptedStore
from vczero.chunks.stores import run_fetch
from vczero.chunks.zipfiles import read_directory, read_member, read_member_ranges
from vczero.chunks.zipstore import AsyncZipStore, ZipStore, find_root
from vczero.errors import StoreError, StoreNotFoundError, UnsupportedError, VczeroError

TEXT = b"the same words over and over, " * 400
NOISE = random.Random(1).randbytes(5000)


def archive_bytes(members, compression=zipfile.ZIP_STORED, **options):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def opened(data):
    """The archive, and the store that holds its bytes, with a log of the requests."""
    store = ScriptedStore({"x.zip": data})
    return run_fetch(read_directory("x.zip", "x.zip"), store), store


def patched(data, position, fmt, *values):
    changed = bytearray(data)
    struct.pack_into(fmt, changed, position, *values)
    return bytes(changed)


def entry_of(data, name):
    """Where the directory entry of a member begins."""
    position = data.index(b"PK\1\2")
    while not data.startswith(name, position + 46):
        position = data.index(b"PK\1\2", position + 1)
    return position


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_one_request_for_the_directory_and_one_for_each_member(compression):
    # Over a network every request costs a round trip: the length of the local header must not cost another.
    archive, store = opened(archive_bytes({"a": TEXT, "b": NOISE}, compression))
    assert bytes(run_fetch(read_member(archive, "a"), store)) == TEXT
    (part,) = run_fetch(read_member_ranges(archive, "b", [(10, 20)]), store)
    assert bytes(part) == NOISE[10:30]
    assert len(store.log) == 3


def test_ranges_of_stored_members_fetch_little():
    # A header of 16 bytes of a large chunk costs about that, not the chunk.
    archive, store = opened(archive_bytes({"a": NOISE * 100}))
    store.clear_log()
    run_fetch(read_member_ranges(archive, "a", [(0, 16), (-4, 4)]), store)
    assert store.bytes_sent < 100


def test_a_local_header_longer_than_the_directory_says():
    # Info-ZIP writes more times into the local header than into the directory; some tools pad it to align
    # data.
    plain = archive_bytes({"a": NOISE, "b": TEXT})
    for padding in (4, 36, 300):
        second = plain.index(b"PK\3\4", 4)
        extra = struct.pack("<2H", 0xCAFE, padding - 4) + bytes(padding - 4)
        data = plain[: second + 31] + extra + plain[second + 31 :]
        data = patched(data, second + 28, "<H", padding)
        end = data.rindex(b"PK\5\6")
        data = patched(data, end + 16, "<L", struct.unpack_from("<L", data, end + 16)[0] + padding)
        archive, store = opened(data)
        assert bytes(run_fetch(read_member(archive, "b"), store)) == TEXT
        parts = run_fetch(read_member_ranges(archive, "b", [(3, 9), (-5, 5)]), store)
        assert [bytes(part) for part in parts] == [TEXT[3:12], TEXT[-5:]]


def test_data_descriptors_and_comments_and_folders(tmp_path):
    # Archives written to a pipe have sizes after the data; archives may end in a comment; folders are not
    # objects.
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = b"PK\1\2 not an entry " * 100
        archive.writestr("folder/", b"")
        archive.writestr("folder/a", TEXT)
    path = tmp_path / "x.zip"
    path.write_bytes(pipe.data)
    store = ZipStore(path)
    assert store.get("folder/a") == TEXT
    assert store.get("folder") is None
    assert store.list_dir("") == ["folder"]


def test_names_that_are_not_ascii():
    # With the UTF-8 flag and without it (then the names are in code page 437).
    data = archive_bytes({"Grüße/0": b"1", "plain": b"2"})
    archive, store = opened(data)
    assert bytes(run_fetch(read_member(archive, "Grüße/0"), store)) == b"1"
    old = archive_bytes({"gr\x81n": b"1"}).replace("gr\x81n".encode(), b"gr\x81nx")
    at = entry_of(old, b"gr\x81nx")
    archive, store = opened(patched(old, at + 8, "<H", 0))
    assert list(archive.members) == ["grünx"]


def test_zip64_fields_are_read(monkeypatch):
    # Archives beyond 4 GiB or 65535 members; made small here by lowering the standard library's own limits.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 1)
    members = {"first": NOISE, "a": TEXT, "b": NOISE}
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = archive_bytes(members, compression)
        assert b"PK\6\6" in data
        archive, store = opened(data)
        assert {name: bytes(run_fetch(read_member(archive, name), store)) for name in members} == members


def test_a_zip64_end_record_of_another_length(monkeypatch):
    # Its extensible part pushes it away from its usual place before the locator.
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
    data = archive_bytes({"a": TEXT})
    locator = data.index(b"PK\6\7")
    data = data[:locator] + b"more" + data[locator:]
    archive, store = opened(data)
    assert bytes(run_fetch(read_member(archive, "a"), store)) == TEXT
    archive, _ = opened(data)
    with pytest.raises(StoreError, match="zip64 end record is missing"):
        opened(patched(data, data.index(b"PK\6\7") + 8, "<Q", 3))


def test_a_large_directory_is_read_with_one_request_more(tmp_path):
    # 64 KiB from the end hold some 800 entries; a store has more.
    members = {f"call_genotype/{i}.0": b"%d" % i for i in range(3000)}
    archive, store = opened(archive_bytes(members))
    assert len(store.log) == 2
    assert len(archive.members) == 3000
    assert bytes(run_fetch(read_member(archive, "call_genotype/2999.0"), store)) == b"2999"


def test_real_zip_program(tmp_path):
    # What people will use.
    if shutil.which("zip") is None:
        pytest.skip("no zip program")
    (tmp_path / "s.vcz" / "a").mkdir(parents=True)
    (tmp_path / "s.vcz" / ".zgroup").write_bytes(b"{}")
    (tmp_path / "s.vcz" / "a" / "0").write_bytes(TEXT)
    subprocess.run(["zip", "-qr", "s.zip", "s.vcz"], cwd=tmp_path, check=True)
    assert ZipStore(tmp_path / "s.zip").get("a/0") == TEXT


@pytest.mark.parametrize(
    ("keys", "root"),
    [
        ([".zgroup", "a/.zgroup"], ""),
        (["s.vcz/.zgroup", "s.vcz/a/.zarray"], "s.vcz"),
        (["s.vcz/zarr.json", "s.vcz/a/zarr.json", "__MACOSX/._s.vcz"], "s.vcz"),
        (["deep/s.vcz/.zmetadata"], "deep/s.vcz"),
        (["one/.zgroup", "two/.zgroup"], ""),
        (["readme.txt"], ""),
    ],
)
def test_the_root_of_the_hierarchy_is_found(keys, root):
    # Zipping a folder from outside puts its name before every key. Two stores in one archive are no store.
    assert find_root(keys) == root


def test_an_absent_archive(tmp_path):
    # A missing file is a missing store.
    with pytest.raises(StoreNotFoundError, match="no such file"):
        ZipStore(tmp_path / "absent.zip")
    with pytest.raises(StoreError, match="is a directory"):
        ZipStore(tmp_path)
    with pytest.raises(StoreNotFoundError, match="no such object"):
        asyncio.run(AsyncZipStore(AsyncScriptedStore({}), "x.zip").get("a"))


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 50, archive_bytes({"a": TEXT})[:-30]])
def test_what_is_not_a_zip_is_said_to_be_none(data):
    # Empty, short, something else, or a download that stopped.
    with pytest.raises(StoreError, match=r"x\.zip: not a sound zip file"):
        opened(data)


def test_encrypted_and_exotic_members_are_refused():
    # Only those members: the others are read.
    data = archive_bytes({"a": TEXT, "b": NOISE})
    at = entry_of(data, b"a")
    for changed, feature in [
        (patched(data, at + 8, "<H", 1), "encrypted"),
        (patched(data, at + 10, "<H", 93), "compression method 93"),
    ]:
        archive, store = opened(changed)
        with pytest.raises(UnsupportedError, match=feature):
            run_fetch(read_member(archive, "a"), store)
        with pytest.raises(UnsupportedError, match=feature):
            run_fetch(read_member_ranges(archive, "a", [(0, 1)]), store)
        assert bytes(run_fetch(read_member(archive, "b"), store)) == NOISE
    end = data.rindex(b"PK\5\6")
    with pytest.raises(UnsupportedError, match="several parts"):
        opened(patched(data, end + 4, "<H", 1))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_is_found(compression):
    # Zip has a checksum for each member: a flipped bit in its data is never handed on.
    data = archive_bytes({"a": TEXT, "b": NOISE}, compression)
    begin = 31
    for position in (begin, begin + 20, begin + 40):
        archive, store = opened(patched(data, position, "B", data[position] ^ 4))
        with pytest.raises(StoreError, match="cannot read a: not a sound zip file") as caught:
            run_fetch(read_member(archive, "a"), store)
        assert caught.value.key == "a"


def test_a_bomb_is_not_inflated():
    # The directory bounds what is made: a member that holds more than it says is an error, at the size it
    # says.
    bomb = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = bomb.compress(bytes(50_000_000)) + bomb.flush()
    plain = archive_bytes({"a": data})
    at = entry_of(plain, b"a")
    plain = patched(patched(plain, at + 10, "<H", 8), at + 24, "<L", 1000)
    archive, store = opened(plain)
    with pytest.raises(StoreError, match="checksum"):
        run_fetch(read_member(archive, "a"), store)
    huge = patched(plain, at + 24, "<L", 0xFFFF_FFFE)
    archive, store = opened(huge)
    with pytest.raises(StoreError, match="50000000 bytes instead of 4294967294"):
        run_fetch(read_member(archive, "a"), store)


def test_lying_sizes_and_offsets():
    # Each an error that names the member; none reads beyond the file or before it.
    data = archive_bytes({"a": TEXT, "b": NOISE})
    at = entry_of(data, b"a")
    for position, value in [(at + 20, 5), (at + 24, 5), (at + 42, 7), (at + 42, 0x7FFF_FFFF)]:
        archive, store = opened(patched(data, position, "<L", value))
        for fetch in (read_member(archive, "a"), read_member_ranges(archive, "a", [(0, 5), (100, 5)])):
            with pytest.raises(StoreError, match="cannot read a"):
                run_fetch(fetch, store)
    both = patched(data, at + 20, "<2L", 0x7FFF_FFFF, 0x7FFF_FFFF)
    archive, store = opened(both)
    with pytest.raises(StoreError, match="the file ends before the data"):
        run_fetch(read_member(archive, "a"), store)


def test_no_damaged_byte_crashes_or_hangs():
    # Every byte of headers and directory changed in turn: the same contents, or one of our errors.
    members = {"a/.zarray": b"{}", "a/0": TEXT}
    data = archive_bytes(members, zipfile.ZIP_DEFLATED)
    rng = random.Random(7)
    messages = []
    for position in range(len(data)):
        changed = patched(data, position, "B", rng.randrange(256))
        try:
            archive, store = opened(changed)
            for name in archive.members:
                found = bytes(run_fetch(read_member(archive, name), store))
                assert found in members.values()
        except VczeroError as error:
            messages.append(str(error))
    assert messages
    assert not any("\n" in message for message in messages)


def test_members_outside_of_the_root_cannot_be_named(tmp_path):
    # An archive may hold any name; a key never reaches it.
    path = tmp_path / "x.zip"
    path.write_bytes(archive_bytes({"../evil": b"1", "/abs": b"2", ".zgroup": b"{}"}))
    store = ZipStore(path)
    for key in ("../evil", "/abs"):
        with pytest.raises(StoreError):
            store.get(key)


def test_a_closed_archive_says_so(tmp_path):
    # And closing twice is nothing.
    path = tmp_path / "x.zip"
    path.write_bytes(archive_bytes({"a": TEXT}))
    store = ZipStore(path)
    store.close()
    store.close()
    with pytest.raises(StoreError, match=r"x\.zip: cannot read a: closed"):
        store.get("a")
    if hasattr(os, "pread"):
        assert str(path) not in {os.path.realpath(f"/dev/fd/{fd}") for fd in range(3, 64)}


def test_a_remote_directory_is_read_once_even_if_the_first_to_ask_gives_up():
    # Many fetches start at once; one of them being cancelled must neither fail the others nor read twice.
    store = AsyncScriptedStore({"x.zip": archive_bytes({"a": TEXT, "b": NOISE})})
    gate = store.hold("x.zip")
    remote = AsyncZipStore(store, "x.zip")

    async def main():
        first = asyncio.ensure_future(remote.get("a"))
        others = [asyncio.ensure_future(remote.get(key)) for key in ("a", "b", "c")]
        while not gate.arrived:
            await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        gate.open()
        return [None if part is None else bytes(part) for part in await asyncio.gather(*others)]

    assert asyncio.run(main()) == [TEXT, NOISE, None]
    assert len(store.log) == 3


def test_a_failed_directory_is_asked_for_again():
    # A fault of the network must not stick.
    store = AsyncScriptedStore({"x.zip": archive_bytes({"a": TEXT})})
    store.fail("x.zip", StoreError("reset"))
    remote = AsyncZipStore(store, "x.zip")

    async def main():
        with pytest.raises(StoreError, match="reset"):
            await remote.get("a")
        return bytes(await remote.get("a"))

    assert asyncio.run(main()) == TEXT


def test_a_remote_archive_serves_several_event_loops():
    """A second loop cannot await the first one's task: it reads the directory itself."""
    has_begun, may_go_on = threading.Event(), threading.Event()

    class Held(AsyncScriptedStore):
        async def get_ranges(self, key, ranges):
            if not has_begun.is_set():
                has_begun.set()
                await asyncio.to_thread(may_go_on.wait, 60)
            return await super().get_ranges(key, ranges)

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(".zgroup", b"{}")
        archive.writestr("a", b"abc")
    remote = AsyncZipStore(Held({"x.zip": data.getvalue()}), "x.zip")
    found = []
    first = threading.Thread(target=lambda: found.append(asyncio.run(remote.get("a"))))
    first.start()
    assert has_begun.wait(60)
    found.append(asyncio.run(remote.get("a")))
    may_go_on.set()
    first.join(60)
    assert [bytes(part) for part in found] == [b"abc", b"abc"]
