"""VCF, BCF and query output, whole processes, output discarded: beside bcftools on BCF and vcztools."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import stores
from harness import BenchmarkError, Command, Report, compare, options, program, whole_digest

REGION = "20:2000000-2040000"
# About a tenth of the cohort.
LONGER_REGION = "20:1-460000"
# A round of what vcztools takes part in lasts a quarter of a minute.
MOST_ROUNDS, MOST_ROUNDS_WITH_VCZTOOLS = 5, 3


def calls_digest(lines: Iterable[bytes]) -> str:
    """SHA-256 of a VCF's records without INFO, whose keys a store gives in another order."""
    digest = hashlib.sha256()
    records = 0
    for line in lines:
        if not line.startswith(b"#"):
            columns = line.split(b"\t", 8)
            digest.update(b"\t".join([*columns[:7], *columns[8:]]))
            records += 1
    if not records:
        raise BenchmarkError("a task that selects no records compares nothing")
    return digest.hexdigest()


def unzipped_digest(stream: IO[bytes]) -> str:
    """`calls_digest` of a VCF in BGZF."""
    with gzip.open(stream) as text:
        return calls_digest(text)


def bcf_digest(stream: IO[bytes]) -> str:
    """`calls_digest` of what bcftools reads in a BCF."""
    reader = subprocess.Popen(["bcftools", "view", "-H"], stdin=stream, stdout=subprocess.PIPE)
    assert reader.stdout is not None
    found = calls_digest(reader.stdout)
    if reader.wait():
        raise BenchmarkError("bcftools cannot read the BCF")
    return found


@dataclass(frozen=True, slots=True)
class Task:
    """A command and its options, on a store; `goals` by peer: how many times as fast we mean to be."""

    name: str
    store: str
    arguments: Sequence[str]
    digest: Callable[[IO[bytes]], Any]
    goals: Mapping[str, float] = field(default_factory=dict)


def every(step: int) -> str:
    """The names of every so many samples."""
    return ",".join(f"S{number:05d}" for number in range(0, stores.COHORT_SAMPLES, step))


TEN = ["view", "-s", every(2_000)]
POSITIONS = ["query", "-f", r"%CHROM\t%POS\n"]
# The goals of ten samples and of positions stand twice: of the cohort, of which bcftools makes so short work
# that importing NumPy alone exceeds them, and of ten times as many records.
TASKS = [
    Task("view, all genotypes", "cohort", ["view"], calls_digest, {"bcftools": 4, "vcztools": 10}),
    Task("view, five FORMAT fields", "rich", ["view"], calls_digest, {"bcftools": 2}),
    Task("view, 10 samples", "cohort", TEN, calls_digest, {"bcftools": 4}),
    Task("view, 10 samples, tenfold cohort", "cohort10", TEN, calls_digest, {"bcftools": 4}),
    Task("view, one region", "cohort", ["view", "-r", REGION], calls_digest),
    Task("view -Ob, 2,000 samples", "cohort", ["view", "-Ob", "-s", every(10)], bcf_digest, {"bcftools": 1}),
    Task("view -Oz, a tenth of the records", "cohort", ["view", "-Oz", "-r", LONGER_REGION], unzipped_digest),
    Task("query, positions", "cohort", POSITIONS, whole_digest, {"bcftools": 10}),
    Task("query, positions, tenfold cohort", "cohort10", POSITIONS, whole_digest, {"bcftools": 10}),
    Task("query, genotypes", "cohort", ["query", "-f", r"%POS[ %GT]\n"], whole_digest, {"bcftools": 4}),
]


def main() -> None:
    """Each task: ours, bcftools', and vcztools' where there is a goal against it; then the start-up."""
    report = Report(
        "Output",
        "A cohort of 20,000 samples and 18,000 records; the tenfold one has them ten times; `rich` has as "
        "many samples with GT, AD, DP, GQ and PL.",
    )
    for task in TASKS:
        if options().only in task.name:
            run(report, task)
    if options().only in "start-up":
        start_up(report)
    report.finish()


def run(report: Report, task: Task) -> None:
    """Compare, time and judge one task."""
    peers = ["vczero", "bcftools", *(["vcztools"] if "vcztools" in task.goals else [])]
    ways = found_ways(task, peers)
    most = MOST_ROUNDS_WITH_VCZTOOLS if len(ways) > len(peers[:2]) else MOST_ROUNDS
    result = report.add(compare(task.name, ways, rounds=min(options().rounds, most)))
    for peer, factor in task.goals.items():
        report.goal(f"{task.name}: {peer} / vczero", result.ratio(peer, "vczero"), at_least=factor)


def found_ways(task: Task, programs: Sequence[str]) -> list[Command]:
    """Those of the programs that are here, each with its start-up subtracted."""
    path = str(stores.store(f"{task.store}.vcz"))
    inputs = {"vczero": path, "bcftools": str(stores.store(f"{task.store}.bcf")), "vcztools": path}
    found = []
    for name in programs:
        place = program(name)
        if place:
            argv = [place, *task.arguments, inputs[name]]
            found.append(Command(name, argv, startup=[place, "--version"], digest=task.digest))
    return found


def start_up(report: Report) -> None:
    """A region of the cohort, nothing subtracted, beside the least that a program with NumPy can take."""
    numpy, query = "python -c 'import numpy'", "vczero query, one region"
    path = str(stores.store("cohort.vcz"))
    argv = [program("vczero") or "vczero", *POSITIONS, "-r", REGION, path]
    ways = [
        Command(name, each, digest=lambda _: None)
        for name, each in ((numpy, [sys.executable, "-c", "import numpy"]), (query, argv))
    ]
    result = report.add(compare("start-up", ways))
    report.goal("start-up: region query, of import numpy", result.ratio(query, numpy), at_most=2.5)


if __name__ == "__main__":
    main()
