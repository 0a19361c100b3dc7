"""`write_vcf` and `write_query`: from Python what the commands print."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

import vczero
from support.command import output


class Halting(io.RawIOBase):
    """A file that takes seven bytes at a time, as a pipe may."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(memoryview(data)[:7])  # type: ignore[arg-type]
        self.taken += piece
        return len(piece)


@pytest.mark.parametrize("genotypes", [True, False])
def test_vcf(genotypes: bool, example_store: Path) -> None:
    """The command's bytes, and their number."""
    file = io.BytesIO()
    with vczero.open(example_store) as reader:
        count = vczero.write_vcf(reader, file, genotypes=genotypes)
    options = [] if genotypes else ["-G"]
    assert file.getvalue().decode() == output("view", "--no-version", *options, example_store)
    assert count == len(file.getvalue())


def test_a_subset_in_bgzf(example_store: Path) -> None:
    """Samples of the reader, AC and AN counted in them, compressed."""
    file = io.BytesIO()
    with vczero.open(example_store, samples=["NA00003", "NA00001"], semantics="view") as reader:
        vczero.write_vcf(reader, file, recount=True, bgzf_level=1)
    text = gzip.decompress(file.getvalue()).decode()
    assert text == output("view", "--no-version", "-s", "NA00003,NA00001", example_store)


def test_query_into_a_file_that_takes_little(example_store: Path) -> None:
    """Raw files may take less than they are given: nothing is lost or written twice."""
    query_format = r"%CHROM\t%POS[ %GT]"
    file = Halting()
    with vczero.open(example_store, regions="X") as reader:
        vczero.write_query(reader, file, query_format, print_header=True)
    expected = output("query", "-H", "-r", "X", "-f", query_format + r"\n", example_store)
    assert file.taken.decode().splitlines()[1:] == expected.splitlines()[1:]


def test_errors_come_as_they_are(example_store: Path) -> None:
    """A bad format before anything is written; a failing file at once."""

    class Full(io.RawIOBase):
        def write(self, data: object, /) -> int:
            raise OSError(28, "no space")

    with vczero.open(example_store) as reader:
        file = io.BytesIO()
        with pytest.raises(vczero.ExpressionError):
            vczero.write_query(reader, file, "[%GT")
        assert file.getvalue() == b""
        with pytest.raises(OSError, match="no space"):
            vczero.write_vcf(reader, Full())
