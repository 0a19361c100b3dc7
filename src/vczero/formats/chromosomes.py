"""Chromosome codes as plink2 writes them for humans (v2.00a3, `--output-chr` by default, observed).

| contig, "chr" before it or not, in any case | code |
| --- | --- |
| 0 to 22, with a leading zero or without | 0 to 22 |
| X or 23, Y or 24, XY or 25, M or MT or 26 | X, Y, XY, MT |
| PAR1, PAR2 (without "chr"), 27, 28 | PAR1, PAR2 |
| 29 to 99 | none: refused |
| anything else | its name, if extra chromosomes are allowed; else refused |
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vczero.errors import RecordError
from vczero.formats.records import LONGEST_NAME, Places
from vczero.vcz.schema import Batch

__all__ = ["ChromosomeCodes", "chromosome_code", "chromosome_codes"]

_LETTERS: Final = {"X": "X", "Y": "Y", "XY": "XY", "M": "MT", "MT": "MT", "0X": "X", "0Y": "Y", "0M": "MT"}
_NUMBERS: Final = {23: "X", 24: "Y", 25: "XY", 26: "MT", 27: "PAR1", 28: "PAR2"}


def chromosome_code(name: str) -> str | None:
    """The code of a contig that plink2 knows; "" of one that it never takes; None of any other.

    >>> [chromosome_code(name) for name in ("chr07", "m", "25", "chr40", "GL000192.1")]
    ['7', 'MT', 'XY', '', None]
    """
    if name.upper() in ("PAR1", "PAR2"):
        return name.upper()
    body = re.sub("^chr", "", name, flags=re.IGNORECASE).upper()
    if re.fullmatch("[0-9]{1,2}", body):
        number = int(body)
        return str(number) if number <= 22 else _NUMBERS.get(number, "")
    return _LETTERS.get(body)


@dataclass(frozen=True, slots=True, eq=False)
class ChromosomeCodes:
    """The codes of a store's contigs.

    Attributes:
        names: what is written for each.
        refused: bool, (contigs,). Those of which no record can be written.
        reason: what is to be said of such a record.
    """

    names: list[str]
    refused: npt.NDArray[np.bool_]
    reason: str

    def check(self, batch: Batch, places: Places) -> None:
        """Refuse records on contigs without a code.

        Raises:
            RecordError: naming the first.
        """
        contig = batch.columns["variant_contig"]
        assert isinstance(contig, np.ndarray)
        known = (contig >= 0) & (contig < len(self.names))  # others are an error of their own
        refused = np.append(self.refused, False)
        wrong = np.flatnonzero(refused[np.where(known, contig, -1)])
        if len(wrong):
            row = int(wrong[0])
            raise RecordError(
                f"{places.name(batch, row)}: {self.reason}", variant=int(batch.variant_index[row])
            )


def chromosome_codes(contig_ids: Iterable[Any], *, allow_extra: bool) -> ChromosomeCodes:
    """The codes of contigs; with `allow_extra` names that plink2 does not know stand for themselves."""
    names, refused = [], []
    for contig in map(str, contig_ids):
        code = chromosome_code(contig)
        is_name = len(contig.encode()) <= LONGEST_NAME and not any(letter <= " " for letter in contig)
        names.append(contig if code is None else code)
        refused.append(code == "" or (code is None and not (allow_extra and contig and is_name)))
    reason = "its chromosome is none that plink2 knows, which takes 0 to 22, X, Y, XY, MT, PAR1 and PAR2"
    if not allow_extra:
        reason += "; --allow-extra-chr writes other names as they are"
    return ChromosomeCodes(names, np.array(refused, np.bool_), reason)
