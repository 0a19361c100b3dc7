"""The index of a BGEN file (`.bgi`), as bgenix makes it: an SQLite database of where variants are."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from itertools import accumulate
from types import TracebackType
from typing import Self

from vczero.errors import OutputError
from vczero.formats.encoder import Sink, write_all

__all__ = ["BgenIndex", "IndexRow"]

IndexRow = tuple[str, int, str, int, str, str]
"""Contig, position, rsid, number of alleles, and the first two."""

# bgenix's own tables (bgen reference implementation, "The bgenix index file format").
_TABLES = (
    """CREATE TABLE Variant (
  chromosome TEXT NOT NULL,
  position INT NOT NULL,
  rsid TEXT NOT NULL,
  number_of_alleles INT NOT NULL,
  allele1 TEXT NOT NULL,
  allele2 TEXT NULL,
  file_start_position INT NOT NULL,
  size_in_bytes INT NOT NULL,
  PRIMARY KEY (chromosome, position, rsid, allele1, allele2, file_start_position )
) WITHOUT ROWID""",
    """CREATE TABLE Metadata (
  filename TEXT NOT NULL,
  file_size INT NOT NULL,
  last_write_time INT NOT NULL,
  first_1000_bytes BLOB NOT NULL,
  index_creation_time INT NOT NULL
)""",
)
_PIECE = 1 << 20


class BgenIndex:
    """Gathers where variants are and writes the database; a context manager, for the file that it needs.

    Args:
        folder: where the database is while it is made; None: where temporary files are.

    Raises:
        OutputError: it cannot be made there.
    """

    def __init__(self, folder: str | None) -> None:
        import sqlite3

        try:
            self._folder = tempfile.TemporaryDirectory(prefix=".vczero-", dir=folder)
        except OSError as error:
            raise OutputError(
                f"cannot write to {folder or 'the folder of temporary files'}: {error.strerror}"
            ) from error
        self._path = os.path.join(self._folder.name, "index")
        self._error = sqlite3.Error
        self._database = sqlite3.connect(self._path, isolation_level=None)
        # The file is written once and by nobody else: no journal, one transaction.
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN", *_TABLES):
            self._database.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
        self._folder.cleanup()

    def add(self, rows: Iterable[IndexRow], start: int, sizes: Iterable[int]) -> None:
        """Variants that follow each other in the file.

        Args:
            rows: what they are.
            start: the first one's offset in the file.
            sizes: bytes of each.

        Raises:
            OutputError: the database cannot be written.
        """
        lengths = list(sizes)
        starts = accumulate(lengths, initial=start)
        try:
            self._database.executemany(
                "INSERT INTO Variant VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((*row, at, length) for row, at, length in zip(rows, starts, lengths, strict=False)),
            )
        except self._error as error:
            raise OutputError(f"cannot write the index: {error}") from error

    def finish(self, sink: Sink, *, name: str, size: int, written: int, first: bytes) -> None:
        """Write the database.

        Args:
            sink: gets its bytes.
            name: of the BGEN file.
            size: its bytes.
            written: when it was last changed, in seconds since 1970.
            first: its first 1000 bytes.

        Raises:
            OutputError: the database cannot be written.
        """
        name = name.encode(errors="replace").decode()
        try:
            self._database.execute(
                "INSERT INTO Metadata VALUES (?, ?, ?, ?, ?)", (name, size, written, first, int(time.time()))
            )
            self._database.execute("COMMIT")
            self._database.close()
            with open(self._path, "rb") as file:
                while piece := file.read(_PIECE):
                    write_all(sink, piece)
        except self._error as error:
            raise OutputError(f"cannot write the index: {error}") from error
