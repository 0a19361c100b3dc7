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
    commands = {
        "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import vczero'": [sys.executable, "-c", "import vczero"],
        "vczero --version": [vczero, "--version"],
        "vczero query -l": [vczero, "query", "-l", str(STORE)],
        "vczero query, one region": [vczero, *query, str(STORE)],
    }
    bcftools = program("bcftools")
    if bcftools:
        vcf = str(STORE.with_name("example.vcf.gz"))
        commands["bcftools query, one region"] = [bcftools, *query, vcf]
    ways = [Command(name, argv, digest=lambda _: None) for name, argv in commands.items()]
    report = Report(
        "Start-up",
        "Whole processes on the bundled example store (437 records, 25 samples). The commands do different "
        "things: exit statuses are checked, answers not.",
    )
    result = report.add(compare("from the shell", ways))
    numpy = "python -c 'import numpy'"
    report.goal(
        "import vczero, of import numpy", result.ratio("python -c 'import vczero'", numpy), at_most=1.3
    )
    report.goal("region query, of import numpy", result.ratio("vczero query, one region", numpy), at_most=2.5)
    report.finish()


if __name__ == "__main__":
    main()
