"""Time ways of doing one task side by side: answers compared first, then interleaved rounds, then medians.

A benchmark is a script `bench_<name>.py` in this folder:

    report = Report("Chunk reads")
    result = compare("4 KB chunk, directory", [Call("vczero", ours), Call("zarr", theirs)], same=arrays_equal)
    report.add(result)
    report.goal("small chunk against zarr.Array.blocks", result.ratio("zarr", "vczero"), at_least=10)
    report.finish()

Three kinds of way: `Call` (a function in this process), `Isolated` (a function of a module in a fresh
interpreter, which gives its own peak memory and may be another environment's) and `Command` (a program, whole
process, output discarded).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.metadata
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

HERE = Path(__file__).resolve().parent
LAUNCHER = HERE / "launch.py"


class BenchmarkError(Exception):
    """Two ways gave different answers, or a way failed: nothing that was timed would mean anything."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run cost: wall and CPU seconds; peak memory in bytes where the way has its own process."""

    wall: float
    cpu: float
    peak: int | None = None


class Way(Protocol):
    """One way of doing a task."""

    name: str

    def answer(self) -> Any:
        """Run once, untimed; what came out, for the comparison."""

    def measure(self) -> Cost:
        """Run and time."""

    def figures(self) -> Mapping[str, str]:
        """Further columns for the table, known after a run (requests, bytes ...)."""


@dataclass(slots=True)
class Call:
    """A function in this process; short ones are repeated until a sample lasts `at_least` seconds."""

    name: str
    function: Callable[[], Any]
    describe: Callable[[Any], Mapping[str, str]] | None = None
    at_least: float = 0.05
    _repeats: int = 1
    _figures: Mapping[str, str] = field(default_factory=dict)

    def answer(self) -> Any:
        """The function's result; also warms it up and finds how often to repeat it."""
        result = self.function()
        if self.describe is not None:
            self._figures = self.describe(result)
        start = time.perf_counter()
        self.function()
        once = max(time.perf_counter() - start, 1e-7)
        self._repeats = max(1, int(self.at_least / once))
        return result

    def measure(self) -> Cost:
        """Mean of the repeats of one sample."""
        function = self.function
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(self._repeats):
            function()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Cost(wall / self._repeats, cpu / self._repeats)

    def figures(self) -> Mapping[str, str]:
        """What `describe` said of the result."""
        return self._figures


@dataclass(slots=True)
class Isolated:
    """`module:function` of this folder, called with JSON arguments in a fresh interpreter.

    It is timed inside that interpreter, without the import of the module and of what it names in `IMPORTS`
    for the function. The function returns a JSON value, which is the
    answer. If that is a mapping with a member `figures`, that member is taken out of the answer and becomes
    further columns.
    """

    name: str
    target: str
    args: Sequence[Any] = ()
    python: str = sys.executable
    env: Mapping[str, str] = field(default_factory=dict)
    _figures: Mapping[str, str] = field(default_factory=dict)

    def _run(self) -> dict[str, Any]:
        argv = [self.python, str(HERE / "harness.py"), "--isolated", self.target, json.dumps(list(self.args))]
        done = subprocess.run(argv, capture_output=True, text=True, env=_environment(self.env), check=False)
        if done.returncode:
            raise BenchmarkError(f"{self.name}: exit status {done.returncode}\n{done.stderr}")
        report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return report

    def answer(self) -> Any:
        """What the function returned, without its figures."""
        result = self._run()["answer"]
        if isinstance(result, dict):
            self._figures = result.pop("figures", {})
        return result

    def measure(self) -> Cost:
        """Cost of the call, and the peak of its whole process."""
        report = self._run()
        return Cost(report["wall"], report["cpu"], report["peak"])

    def figures(self) -> Mapping[str, str]:
        """The member `figures` of what the function returned."""
        return self._figures


@dataclass(slots=True)
class Command:
    """A program, whole process, its standard output to /dev/null.

    The cost of `startup` (for example `[program, "--version"]`), run just after, is subtracted. `digest`
    turns the standard output of the untimed run into the answer.
    """

    name: str
    argv: Sequence[str]
    startup: Sequence[str] | None = None
    digest: Callable[[IO[bytes]], Any] | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def _launch(self, argv: Sequence[str], output: str = os.devnull) -> Cost:
        # -I -S: nothing of the environment's start-up, so that the launcher stays small.
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), output, *argv]
        done = subprocess.run(
            launcher, capture_output=True, text=True, env=_environment(self.env), check=False
        )
        if done.returncode:
            raise BenchmarkError(f"{self.name}: {done.stderr}")
        cost = json.loads(done.stdout)
        if cost["status"]:
            raise BenchmarkError(
                f"{self.name}: exit status {cost['status']}: {' '.join(argv)}\n{done.stderr}"
            )
        return Cost(cost["wall"], cost["cpu"], cost["peak"])

    def answer(self) -> Any:
        """The digest of the standard output."""
        with tempfile.NamedTemporaryFile() as output:
            self._launch(self.argv, output.name)
            return (self.digest or whole_digest)(output.file)

    def measure(self) -> Cost:
        """Cost of the process, start-up subtracted."""
        cost = self._launch(self.argv)
        if self.startup is None:
            return cost
        start = self._launch(self.startup)
        return Cost(max(cost.wall - start.wall, 1e-6), max(cost.cpu - start.cpu, 0.0), cost.peak)

    def figures(self) -> Mapping[str, str]:
        """None."""
        return {}


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # Bytecode is kept, as where a package is installed: else a program is compiled at each start.
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **extra}


def whole_digest(stream: IO[bytes]) -> str:
    """SHA-256 of everything; a `BenchmarkError` if there is nothing."""
    digest = hashlib.sha256()
    while piece := stream.read(1 << 20):
        digest.update(piece)
    if not stream.tell():
        raise BenchmarkError("a program that prints nothing compares nothing")
    return digest.hexdigest()


def arrays_equal(left: Any, right: Any) -> bool:
    """Arrays (or mappings or sequences of them) equal in shape and, bit for bit, in value."""
    if isinstance(left, Mapping):
        return left.keys() == right.keys() and all(arrays_equal(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(arrays_equal(a, b) for a, b in zip(left, right, strict=True))
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    if left.dtype.hasobject or left.dtype.kind == "T":
        return bool(np.array_equal(left, right))
    return bool(left.tobytes() == right.tobytes())


@dataclass(frozen=True, slots=True)
class Result:
    """The samples of one task, per way."""

    task: str
    costs: Mapping[str, Sequence[Cost]]
    figures: Mapping[str, Mapping[str, str]]

    def median(self, way: str) -> float:
        """Median wall seconds of a way."""
        return statistics.median(cost.wall for cost in self.costs[way])

    def ratio(self, slower: str, faster: str) -> float | None:
        """How many times longer `slower` took than `faster`; `None` if one of them was not there."""
        if slower not in self.costs or faster not in self.costs:
            return None
        return self.median(slower) / self.median(faster)


def compare(
    task: str,
    ways: Sequence[Way],
    *,
    same: Callable[[Any, Any], bool] | None = None,
    rounds: int | None = None,
) -> Result:
    """Check that all ways give the first way's answer, then time them in interleaved rounds.

    Rounds start at another way each time. `rounds` defaults to the script's `--rounds` (9). `same` compares
    two answers (default: `==`).

    Raises:
        BenchmarkError: two answers differ, or a way failed.
    """
    same = same or (lambda left, right: bool(left == right))
    first, *others = ways
    expected = first.answer()
    for way in others:
        if not same(expected, way.answer()):
            raise BenchmarkError(f"{task}: {way.name} and {first.name} give different answers")
    del expected
    costs: dict[str, list[Cost]] = {way.name: [] for way in ways}
    for number in range(rounds or options().rounds):
        turn = number % len(ways)
        for way in [*ways[turn:], *ways[:turn]]:
            costs[way.name].append(way.measure())
    print(
        f"{task}: " + ", ".join(f"{way.name} {_seconds(_median(costs[way.name]))}" for way in ways),
        file=sys.stderr,
    )
    return Result(task, costs, {way.name: way.figures() for way in ways})


def _median(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.wall for cost in costs)


def _seconds(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}" if value < 1000 * scale else f"{value / scale:.0f} {unit}"
    return f"{value * 1e9:.3g} ns"


def _table(result: Result) -> list[str]:
    extra = list(dict.fromkeys(key for columns in result.figures.values() for key in columns))
    peaks = any(cost.peak is not None for costs in result.costs.values() for cost in costs)
    head = [
        "way",
        "median",
        "fastest to slowest",
        "times the first",
        "CPU",
        *(["peak MiB"] if peaks else []),
        *extra,
    ]
    lines = [f"### {result.task}", "", "| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    first = next(iter(result.costs))
    for name, costs in result.costs.items():
        walls = [cost.wall for cost in costs]
        row = [
            name,
            _seconds(result.median(name)),
            f"{_seconds(min(walls))} to {_seconds(max(walls))}",
            f"{result.median(name) / result.median(first):.2f}",
            _seconds(statistics.median(cost.cpu for cost in costs)),
        ]
        if peaks:
            known = [cost.peak for cost in costs if cost.peak is not None]
            row.append(f"{statistics.median(known) / 2**20:.0f}" if known else "")
        row += [result.figures[name].get(key, "") for key in extra]
        lines.append("| " + " | ".join(row) + " |")
    return [*lines, ""]


PROGRAMS = ("bcftools", "plink2", "plink1.9", "vcztools")
PACKAGES = (
    "vczero",
    "numpy",
    "numcodecs",
    "zarr",
    "zarrista",
    "tensorstore",
    "vcztools",
    "polars_bio",
    "bio2zarr",
)


def program(name: str) -> str | None:
    """The path of a program, `None` if it is not here.

    `VCZERO_BENCH_<NAME>` names it where it lives in an environment of its own (vcztools does); else it is
    looked for beside this Python, and then on the PATH.
    """
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return os.environ.get(f"VCZERO_BENCH_{name.upper()}") or shutil.which(name, path=beside)


def machine() -> list[str]:
    """Lines that say where the figures were taken, with what, and what was not controlled."""
    cpu = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [
            line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line
        ]
        cpu = models[0] if models else cpu
    packages = []
    for name in PACKAGES:
        try:
            packages.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    programs = []
    for name in PROGRAMS:
        path = program(name)
        if path:
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
            programs.append(" ".join(said.splitlines()[0].replace(",", "").split()[:3]) if said else name)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    where = f"{platform.system()} {platform.machine()}, {cpu}, {os.cpu_count()} CPUs"
    return [
        f"- {where}, Python {platform.python_version()}",
        f"- {', '.join([*packages, *programs])}",
        f"- {time.strftime('%Y-%m-%d')}; load average when it ended: {load}",
        "- Answers were compared before timing. Medians of interleaved rounds. Not controlled: other work on "
        "the machine, CPU frequency, the page cache (warm: files were read before).",
    ]


@dataclass(slots=True)
class Report:
    """The page that a benchmark script writes: goals first, then a table per task."""

    title: str
    intro: str = ""
    _tables: list[str] = field(default_factory=list)
    _goals: list[str] = field(default_factory=list)

    def add(self, result: Result) -> Result:
        """Append a task's table; hands the result back."""
        self._tables += _table(result)
        return result

    def note(self, text: str) -> None:
        """Append a paragraph."""
        self._tables += [text, ""]

    def goal(
        self, text: str, value: float | None, *, at_least: float | None = None, at_most: float | None = None
    ) -> None:
        """Record a goal and the value reached; `None` means that it could not be measured here."""
        wanted = f"at least {at_least:g}" if at_least is not None else f"at most {at_most:g}"
        if value is None:
            self._goals.append(f"| {text} | {wanted} | not measured | |")
            return
        reached = value >= at_least if at_least is not None else at_most is not None and value <= at_most
        self._goals.append(f"| {text} | {wanted} | {value:.2f} | {'reached' if reached else 'missed'} |")

    def finish(self) -> None:
        """Print the page, and write it to the folder `--out` names."""
        lines = [f"# {self.title}", ""]
        if self.intro:
            lines += [self.intro, ""]
        if self._goals:
            lines += ["| goal | wanted | measured | |", "| --- | --- | --- | --- |", *self._goals, ""]
        page = "\n".join([*lines, *self._tables, "### Where and how", "", *machine()]) + "\n"
        print(page)
        out = options().out
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            name = Path(sys.argv[0]).stem.removeprefix("bench_")
            (out / f"{name}.md").write_text(page)


@dataclass(frozen=True, slots=True)
class Options:
    """What every benchmark script takes on its command line."""

    rounds: int
    out: Path | None
    only: str


def options() -> Options:
    """The script's options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds per task (default: 9)")
    parser.add_argument("--out", type=Path, help="folder for the page, as <name>.md")
    parser.add_argument(
        "--only", default="", help="run the tasks whose name contains this (scripts that offer it)"
    )
    parsed = parser.parse_args()
    return Options(parsed.rounds, parsed.out, parsed.only)


def _peak_bytes() -> int:
    status = Path("/proc/self/status")
    if status.exists():  # VmHWM, not ru_maxrss: the latter includes the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _isolated(target: str, args: list[Any]) -> None:
    module, _, name = target.partition(":")
    sys.argv = [module]
    found = importlib.import_module(module)
    function = getattr(found, name)
    for package in getattr(found, "IMPORTS", {}).get(name, ()):
        importlib.import_module(package)
    cpu, wall = time.process_time(), time.perf_counter()
    answer = function(*args)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": _peak_bytes(), "answer": answer}))


if __name__ == "__main__" and sys.argv[1:2] == ["--isolated"]:
    _isolated(sys.argv[2], json.loads(sys.argv[3]))
