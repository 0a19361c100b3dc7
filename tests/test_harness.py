"""The benchmark harness: that it refuses to time what is wrong, and that its page says what was measured."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, loaded by path as the scripts see it."""
    specification = importlib.util.spec_from_file_location("harness", BENCHMARKS / "harness.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "harness", module)
    monkeypatch.setattr(sys, "argv", ["bench_x.py", "--rounds", "2"])
    specification.loader.exec_module(module)
    return module


def test_ways_that_disagree_are_not_timed(harness: ModuleType) -> None:
    """A fast wrong answer is the classic mistake of benchmarks."""
    with pytest.raises(harness.BenchmarkError, match="sum: b and a give different answers"):
        harness.compare("sum", [harness.Call("a", lambda: 1), harness.Call("b", lambda: 2)])


def test_a_command_that_fails_is_not_timed(harness: ModuleType) -> None:
    """A program that ends at once with an error would look very fast."""
    with pytest.raises(harness.BenchmarkError, match="exit status 3"):
        harness.compare("fails", [harness.Command("a", [sys.executable, "-c", "raise SystemExit(3)"])])


def test_the_page_has_goals_and_a_row_per_way(
    harness: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """A goal that is missed says so; a peer that is absent leaves its goal unmeasured, not reached."""
    report = harness.Report("Title")
    ways = [
        harness.Call("ours", lambda: 7, lambda answer: {"requests": str(answer)}, at_least=0),
        harness.Command("program", [sys.executable, "-c", "print(7)"]),
    ]
    result = report.add(harness.compare("seven", ways, same=lambda left, right: True))
    report.goal("ratio", result.ratio("program", "ours"), at_most=0.001)
    report.goal("absent peer", result.ratio("peer", "ours"), at_least=2)
    report.finish()
    page = capsys.readouterr().out
    assert "| ours |" in page
    assert "| 7 |" in page
    assert "missed" in page
    assert "| absent peer | at least 2 | not measured | |" in page


def test_peak_memory_is_the_commands_own(harness: ModuleType) -> None:
    """Not that of the process that measures, which may hold arrays of any size."""
    ballast = np.ones(200_000_000, np.uint8)
    cost = harness.Command("small", [sys.executable, "-c", "pass"]).measure()
    assert 0 < cost.peak < ballast.nbytes
    cost = harness.Command("large", [sys.executable, "-c", "b'x' * 150_000_000"]).measure()
    assert cost.peak > 150_000_000


def test_isolated_functions_give_their_answer_figures_and_peak(
    harness: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs in a fresh interpreter is compared and measured like the rest."""
    (tmp_path / "tasks.py").write_text("def task(n): return {'sum': n + 1, 'figures': {'requests': '3'}}\n")
    way = harness.Isolated("fresh", "tasks:task", [4], env={"PYTHONPATH": str(tmp_path)})
    assert way.answer() == {"sum": 5}
    assert way.figures() == {"requests": "3"}
    assert way.measure().peak > 0


def test_arrays_are_compared_bit_by_bit(harness: ModuleType) -> None:
    """Missing and fill are NaNs of different bits, which equality of values cannot tell apart."""
    missing, fill = np.array([0x7F800001, 0x7F800002], np.uint32).view(np.float32)[:, None]
    assert harness.arrays_equal(missing, missing.copy())
    assert not harness.arrays_equal(missing, fill)
    assert not harness.arrays_equal(np.zeros(3, np.int8), np.zeros(3, np.int16))
    assert harness.arrays_equal([{"a": missing}], [{"a": missing}])
