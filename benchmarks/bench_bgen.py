"""BGEN of a cohort, whole processes: vczero beside vcztools and plink2.

All write a .bgen with 8-bit probabilities of the records with two alleles to a temporary folder. The
probability blocks must be the same to the byte once they are decompressed (names and compression differ); of
plink2, which writes variants without a phased heterozygote as unphased, the number of variants.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stores
from bench_plink import Writer
from harness import Report, compare, program

THREADS = 2


@dataclass(slots=True)
class BgenWriter(Writer):
    """A program whose answer is the .bgen that it writes."""

    exact: bool = True

    def answer(self) -> Any:
        """The number of variants, and SHA-256 of their probability blocks if they are to be the same."""
        self._launch(self.argv)
        found = blocks(Path(f"{self.stem}.bgen").read_bytes())
        return found if self.exact else found[:1]


def blocks(data: bytes) -> list[Any]:
    """The number of variants, and SHA-256 of their probability blocks."""

    def word(at: int, size: int = 4) -> int:
        return int.from_bytes(data[at : at + size], "little")

    at, digest = word(0) + 4, hashlib.sha256()
    for _ in range(word(8)):
        for _name in range(3):
            at += 2 + word(at, 2)
        alleles = word(at + 4, 2)
        at += 6
        for _allele in range(alleles):
            at += 4 + word(at)
        digest.update(zlib.decompress(data[at + 8 : at + 4 + word(at)]))
        at += 4 + word(at)
    return [word(8), digest.hexdigest()]


def ways(folder: str) -> list[BgenWriter]:
    """The programs that are here."""
    store, bcf = str(stores.store("cohort.vcz")), str(stores.store("cohort.bcf"))
    found: list[BgenWriter] = []

    def add(name: str, argv: Sequence[str], startup: Sequence[str]) -> None:
        stem = f"{folder}/{name.replace(' ', '_')}"
        found.append(
            BgenWriter(
                name, [*argv, stem], startup=[argv[0], *startup], stem=stem, exact="plink2" not in name
            )
        )

    vczero = program("vczero") or sys.exit("vczero is not installed")
    view = ["view-bgen", store, "-M", "2", "-o"]
    add("vczero", [vczero, *view], [*view, f"{folder}/none", "-r", "nowhere"])
    if vcztools := program("vcztools"):
        add("vcztools", [vcztools, *view], ["--version"])
    if plink2 := program("plink2"):
        pgen = f"{folder}/cohort"
        limits = ["--threads", str(THREADS), "--max-alleles", "2"]
        subprocess.run(
            [plink2, "--bcf", bcf, *limits, "--make-pgen", "--out", pgen],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        settings = [*limits, "--export", "bgen-1.2", "bits=8", "ref-first", "--out"]
        add("plink2 from BCF", [plink2, "--bcf", bcf, *settings], ["--version"])
        add("plink2 from pgen", [plink2, "--pfile", pgen, *settings], ["--version"])
    return found


def main() -> None:
    """All ways, and the goal."""
    report = Report("BGEN", "20,000 samples; records of two alleles; start-up subtracted on all sides.")
    with tempfile.TemporaryDirectory() as folder:
        result = report.add(compare(".bgen with its index and .sample", ways(folder), same=same))
    report.goal(".bgen: vcztools / vczero", result.ratio("vcztools", "vczero"), at_least=5)
    report.finish()


def same(found: Any, others: Any) -> bool:
    """Whether two answers agree as far as both go."""
    return all(one == other for one, other in zip(found, others, strict=False))


if __name__ == "__main__":
    main()
