"""PLINK 1 files of a cohort, whole processes: vczero beside plink2, vcztools, and the codec by itself.

All write .bed, .bim and .fam of the records with two alleles to a temporary folder, and the files must be the
same to the byte (of vcztools, whose .bim and .fam are laid out otherwise, the .bed). plink2 reads VCF, BCF
and its own .pgen: the least that a .bed can cost it. numcodecs merely decodes the genotypes, in two threads,
from memory.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stores
from harness import Call, Command, Cost, Report, Way, compare, program
from streaming import CodecLimit

THREADS = 2
ENDS = ("bed", "bim", "fam")


@dataclass(slots=True)
class Writer(Command):
    """A program whose answer is the files that it writes."""

    stem: str = ""
    ends: Sequence[str] = ENDS

    def _launch(self, argv: Sequence[str], output: str = os.devnull) -> Cost:
        # A file that is written over would be given up within the time.
        for file in Path(self.stem).parent.glob(f"{Path(self.stem).name}.*"):
            file.unlink()
        return Command._launch(self, argv, output)

    def answer(self) -> Any:
        """SHA-256 of each of its files."""
        self._launch(self.argv)
        files = [Path(f"{self.stem}.{end}") for end in self.ends]
        return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def ways(folder: str) -> list[Way]:
    """The programs that are here."""
    store, bcf = str(stores.store("cohort.vcz")), str(stores.store("cohort.bcf"))
    found: list[Way] = []

    def add(name: str, argv: Sequence[str], startup: Sequence[str], ends: Sequence[str] = ENDS) -> None:
        stem = f"{folder}/{name.replace(' ', '_')}"
        found.append(Writer(name, [*argv, stem], startup=[argv[0], *startup], stem=stem, ends=ends))

    vczero = program("vczero") or sys.exit("vczero is not installed")
    view = ["view-plink", store, "-M", "2", "-o"]
    add("vczero", [vczero, *view], [*view, f"{folder}/none", "-r", "nowhere"])
    if plink2 := program("plink2"):
        settings = ["--threads", str(THREADS), "--max-alleles", "2", "--make-bed", "--out"]
        pgen, vcf = f"{folder}/cohort", f"{folder}/cohort.vcf"
        subprocess.run(
            [plink2, "--bcf", bcf, "--make-pgen", "--out", pgen], check=True, stdout=subprocess.DEVNULL
        )
        subprocess.run(["bcftools", "view", "-o", vcf, bcf], check=True)
        for name, source in (("BCF", ["--bcf", bcf]), ("VCF", ["--vcf", vcf]), ("pgen", ["--pfile", pgen])):
            add(f"plink2 from {name}", [plink2, *source, *settings], ["--version"])
    if vcztools := program("vcztools"):
        add("vcztools", [vcztools, *view], ["--version"], ends=ENDS[:1])
    limit = CodecLimit(Path(store) / "call_genotype", THREADS)
    found.append(Call("numcodecs, genotypes decoded", limit.run))
    return found


def main() -> None:
    """All ways, and the goals."""
    report = Report(
        "PLINK files", "20,000 samples; records of two alleles; start-up subtracted on all sides."
    )
    with tempfile.TemporaryDirectory() as folder:
        result = report.add(compare(".bed, .bim, .fam", ways(folder), same=same))
    for peer, factor in (("numcodecs, genotypes decoded", 1), ("vcztools", 10), ("plink2 from BCF", 3)):
        report.goal(f".bed: {peer} / vczero", result.ratio(peer, "vczero"), at_least=factor)
    report.finish()


def same(files: Any, others: Any) -> bool:
    """Whether the files are the same; what only decodes makes none."""
    return others is None or all(one == other for one, other in zip(files, others, strict=False))


if __name__ == "__main__":
    main()
