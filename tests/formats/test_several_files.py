"""Outputs of several files: encoders over one scan, and files that appear together or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

import vczero
from vczero.errors import OutputError
from vczero.formats.encoder import Together, write_together
from vczero.formats.output import open_output, open_outputs
from vczero.formats.text import QueryEncoder
from vczero.formats.vcf import VcfEncoder


def test_two_encoders_over_one_scan(example_store: Path) -> None:
    """Each file is what its encoder makes by itself, in order, header included."""
    with vczero.open(example_store) as reader:
        together = Together([VcfEncoder(reader), QueryEncoder(reader, r"%POS %AC\n", print_header=True)])
        files = [io.BytesIO(), io.BytesIO()]
        names = sorted(together.columns)
        with reader.map_chunks(together.encode, names, force_recompute=together.recomputed) as encoded:
            written = write_together(together, encoded, files)
        alone = [io.BytesIO(), io.BytesIO()]
        vczero.write_vcf(reader, alone[0])
        vczero.write_query(reader, alone[1], r"%POS %AC\n", print_header=True)
    assert [file.getvalue() for file in files] == [file.getvalue() for file in alone]
    assert written == [len(file.getvalue()) for file in files]


def test_the_budget_sees_what_is_held(example_store: Path) -> None:
    """The size of a result that waits to be written is that of all its buffers."""
    with vczero.open(example_store) as reader:
        together = Together([QueryEncoder(reader, r"%POS\n"), QueryEncoder(reader, r"%CHROM\n")])
        for parts in reader.map_chunks(together.encode, sorted(together.columns)):
            assert parts.nbytes == sum(len(bytes(buffer)) for buffers in parts for buffer in buffers) > 0


def test_files_appear_when_all_are_complete(tmp_path: Path) -> None:
    """Nothing under the final names until the end, and what stood there keeps its permissions."""
    paths = [tmp_path / "a.bed", tmp_path / "a.bim"]
    paths[0].write_text("old")
    paths[0].chmod(0o640)
    with open_outputs([str(path) for path in paths]) as sinks:
        for sink in sinks:
            sink.write(b"new")
        assert paths[0].read_text() == "old"
        assert not paths[1].exists()
    assert [path.read_text() for path in paths] == ["new", "new"]
    assert paths[0].stat().st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["a.bed", "a.bim"]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """An error in the block, or a second file that cannot be made: no file is new, none is left over."""
    first = tmp_path / "a.bed"
    first.write_text("old")
    with pytest.raises(TypeError), open_outputs([str(first), str(tmp_path / "b")]) as sinks:
        sinks[0].write("no bytes")  # type: ignore[arg-type]
    missing = str(tmp_path / "missing" / "b")
    with pytest.raises(OutputError, match="missing"), open_outputs([str(first), missing]):
        pass
    assert first.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.bed"]


def test_one_file_and_devices(tmp_path: Path) -> None:
    """`open_output` is the same for one file; a device is written to and stays."""
    with open_output(str(tmp_path / "x")) as sink:
        assert sink.write(memoryview(b"abc")) == 3
    assert (tmp_path / "x").read_bytes() == b"abc"
    with open_outputs([os.devnull, str(tmp_path / "y")]) as sinks:
        assert sinks[0].write(b"gone") == 4
    assert sorted(os.listdir(tmp_path)) == ["x", "y"]
