"""Filter expressions, whole `query` processes that print positions: vczero, bcftools on BCF, vcztools.

`cohort` has 20,000 samples with genotypes; `rich` has as many with GT, AD, DP, GQ and PL. vcztools 0.2.0
knows few expressions, and takes part where it knows one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import stores
from harness import Command, Report, compare, options, program, whole_digest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
# Expression, store, and how many times bcftools' speed is to be reached.
TASKS = [
    ("QUAL>50", "cohort", 10),
    ("INFO/AC>100", "cohort", 10),
    ('REF="A"', "cohort", 10),
    ('TYPE="snp"', "cohort", 10),
    ('COUNT(GT="het")>100', "cohort", 3),
    ('N_PASS(GT="alt")>100', "cohort", 3),
    ("FMT/DP>10 & FMT/GQ>20", "rich", 3),
    ("N_PASS(GQ>20)>100", "rich", 3),
    ("MAX(FMT/DP)>50", "rich", 3),
    ("QUAL>90 & FMT/DP>50", "rich", 3),
]
# Where the start-up is subtracted, tests of sites leave milliseconds: a median takes more rounds to settle.
ROUNDS_OF_SITES = 3
KNOWN_TO_VCZTOOLS = {"QUAL>50", "INFO/AC>100", "FMT/DP>10 & FMT/GQ>20"}


def main() -> None:
    """Each expression: ours, bcftools', and vcztools' where it can."""
    report = Report("Filters", "`query -i EXPRESSION -f '%POS\\n'`, start-up subtracted on all sides.")
    for expression, store, factor in TASKS:
        if options().only not in expression:
            continue
        rounds = options().rounds * (ROUNDS_OF_SITES if factor == 10 else 1)
        result = report.add(compare(f"{expression} ({store})", list(ways(expression, store)), rounds=rounds))
        report.goal(f"{expression}: bcftools / vczero", result.ratio("bcftools", "vczero"), at_least=factor)
    report.finish()


def ways(expression: str, store: str) -> Iterator[Command]:
    """The programs that are here."""
    path = str(stores.store(f"{store}.vcz"))
    inputs = {"vczero": path, "bcftools": str(stores.store(f"{store}.bcf"))}
    if expression in KNOWN_TO_VCZTOOLS:
        inputs["vcztools"] = path
    for name, source in inputs.items():
        place = program(name)
        if place:
            command = [place, "query", "-f", r"%POS\n", "-i"]
            small = str(EXAMPLES / ("example.vcf.gz" if name == "bcftools" else "example.vcz.zip"))
            startup = [*command, "POS<0", small]
            yield Command(name, [*command, expression, source], startup=startup, digest=whole_digest)


if __name__ == "__main__":
    main()
