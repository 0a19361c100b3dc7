"""The examples of the README and of docs/commands.md, run as they stand: what a new user copies must work."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = (REPOSITORY / "docs" / "commands.md").read_text(encoding="utf-8")


def blocks(language: str, page: str = README) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each `$ command` of the console blocks, with the output that the README shows below it."""
    pairs = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            pairs.append((command, output))
    return pairs


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples run in a folder of their own, which has the examples and may be written to."""
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("command", "expected"), commands(), ids=[command for command, _ in commands()])
def test_console_examples_print_what_the_readme_shows(command: str, expected: str) -> None:
    """Word for word; a line `...` stands for any lines."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pattern = re.escape(expected).replace(re.escape("...\n"), "(?:.*\n)*?")
    assert re.fullmatch(pattern, done.stdout), done.stdout


@pytest.mark.parametrize("block", [*blocks("python"), *blocks("python", COMMANDS)])
def test_python_examples_give_what_the_page_shows(block: str) -> None:
    """As doctests."""
    example = doctest.DocTestParser().get_doctest(block, {}, "page", "page", 0)
    assert example.examples, "a block of Python that shows nothing proves nothing"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    assert runner.run(example, out=report.append).failed == 0, "".join(report)


def test_the_readme_has_examples() -> None:
    """The tests above pass on a README whose blocks the patterns no longer find."""
    assert len(commands()) >= 5
    assert len(blocks("python")) >= 1
    assert len(blocks("python", COMMANDS)) >= 1
