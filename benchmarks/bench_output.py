"""VCF and query output, whole processes, output discarded: vczero beside bcftools on BCF and vcztools."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import IO, Any

import stores
from harness import Command, Report, compare, program, records_digest

REGION = "20:20000000-20200000"


def calls_digest(stream: IO[bytes]) -> str:
    """SHA-256 of a VCF's records without INFO, whose keys a store gives in another order."""
    digest = hashlib.sha256()
    for line in stream:
        if not line.startswith(b"#"):
            columns = line.split(b"\t", 8)
            digest.update(b"\t".join([*columns[:7], *columns[8:]]))
    return digest.hexdigest()


def main() -> None:
    """Each task: ours, bcftools', and vcztools' where that is installed."""
    report = Report("Output", "A cohort of 20,000 samples; `rich` has as many with GT, AD, DP, GQ and PL.")
    samples = ",".join(f"S{number:05d}" for number in range(0, 20_000, 2_000))
    tasks: list[tuple[str, str, list[str], Callable[[IO[bytes]], Any], dict[str, float]]] = [
        ("view, all genotypes", "cohort", ["view"], calls_digest, {"bcftools": 4, "vcztools": 10}),
        ("view, many FORMAT fields", "rich", ["view"], calls_digest, {"bcftools": 2}),
        ("view, 10 samples", "cohort", ["view", "-s", samples], calls_digest, {"bcftools": 4}),
        ("view, one region", "cohort", ["view", "-r", REGION], calls_digest, {}),
        ("query, positions", "cohort", ["query", "-f", r"%CHROM\t%POS\n"], records_digest, {"bcftools": 10}),
        ("query, genotypes", "cohort", ["query", "-f", r"%POS[ %GT]\n"], records_digest, {"bcftools": 4}),
    ]
    for task, store, arguments, digest, goals in tasks:
        peers = ["vczero", "bcftools", *(["vcztools"] if "vcztools" in goals else [])]
        result = report.add(compare(task, ways(store, arguments, digest, peers)))
        for peer, factor in goals.items():
            report.goal(f"{task}: {peer} / vczero", result.ratio(peer, "vczero"), at_least=factor)
    report.finish()


def ways(
    store: str, arguments: Sequence[str], digest: Callable[[IO[bytes]], Any], programs: Sequence[str]
) -> list[Command]:
    """Those of the programs that are here, each with its start-up subtracted."""
    path = str(stores.store(f"{store}.vcz"))
    inputs = {"vczero": path, "bcftools": str(stores.store(f"{store}.bcf")), "vcztools": path}
    found = []
    for name in programs:
        place = program(name)
        if place:
            argv = [place, *arguments, inputs[name]]
            found.append(Command(name, argv, startup=[place, "--version"], digest=digest))
    return found


if __name__ == "__main__":
    main()
