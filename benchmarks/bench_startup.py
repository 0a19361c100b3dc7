"""How long until something is on the screen: imports, `--version`, small queries; whole processes."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import Command, Report, compare, program

STORE = Path(__file__).resolve().parent.parent / "examples" / "example.vcz.zip"


def main() -> None:
    """Time processes beside `python -c "import numpy"`, the least that any of them can take."""
    vczero = program("vczero") or "vczero"
    query = ["query", "-r", "1:1-2000000", "-f", r"%CHROM\t%POS\n"]
    ways = [
        Command("python -c 'import numpy'", [sys.executable, "-c", "import numpy"]),
        Command("python -c pass", [sys.executable, "-c", "pass"]),
        Command("python -c 'import vczero'", [sys.executable, "-c", "import vczero"]),
        Command("vczero --version", [vczero, "--version"]),
        Command("vczero query -l", [vczero, "query", "-l", str(STORE)]),
        Command("vczero query, one region", [vczero, *query, str(STORE)]),
    ]
    bcftools = program("bcftools")
    if bcftools:
        vcf = str(STORE.with_name("example.vcf.gz"))
        ways.append(Command("bcftools query, one region", [bcftools, *query, vcf]))
    report = Report(
        "Start-up",
        "Whole processes on the bundled example store (437 records, 25 samples). The commands do different "
        "things: exit statuses are checked, answers not.",
    )
    result = report.add(compare("from the shell", ways, same=lambda left, right: True))
    numpy = "python -c 'import numpy'"
    report.goal(
        "import vczero, of import numpy", result.ratio("python -c 'import vczero'", numpy), at_most=1.3
    )
    report.goal("region query, of import numpy", result.ratio("vczero query, one region", numpy), at_most=2.5)
    report.finish()


if __name__ == "__main__":
    main()
