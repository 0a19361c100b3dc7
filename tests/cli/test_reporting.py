"""Progress, logs, shell completion and help: what the command line says beside its output."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from support.command import MAIN, output, process, vczero
from vczero.cli import commands, progress
from vczero.cli.logs import shown_command
from vczero.cli.progress import Progress, is_wanted, progress_line


class Screen(io.StringIO):
    """A terminal, which tells when something has been written to it."""

    def __init__(self, *, is_terminal: bool = True) -> None:
        super().__init__()
        self._is_terminal = is_terminal
        self.touched = Event()

    def isatty(self) -> bool:
        return self._is_terminal

    def write(self, text: str, /) -> int:
        written = super().write(text)
        self.touched.set()
        return written

    def seen(self) -> str:
        """What stands on the line in the end."""
        line = ""
        for part in self.getvalue().split("\r"):
            line = part + line[len(part) :]
        return line.rstrip()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "line"),
    [
        (0, 1_000_000, 0.5, "0 of 1,000,000 variants (0%)"),
        (250_000, 1_000_000, 5.0, "250,000 of 1,000,000 variants (25%), 50,000/s, 0:15 left"),
        (999, 1000, 3.0, "999 of 1,000 variants (99%), 333/s, 0:00 left"),
        (1000, 1000, 2.0, "1,000 of 1,000 variants (100%), 500/s, 0:00 left"),
        (10, 1000, 100.0, "10 of 1,000 variants (1%), 0/s, 2:45:00 left"),
        (5, 0, 0.0, "5 of 0 variants (100%)"),
    ],
)
def test_the_line_of_progress(done: int, total: int, seconds: float, line: str) -> None:
    """Counts, share, rate and time left; no rate where there is none yet."""
    assert progress_line(done, total, seconds) == line


def test_a_shorter_line_covers_a_longer_one() -> None:
    """Nothing of the line before stays, and nothing of the last one either."""
    screen = Screen()
    shown = Progress(screen, lambda seconds: "x" * int(seconds))
    for seconds in (30, 7, 12):
        shown.update(seconds)
        assert screen.seen() == "x" * seconds
    shown.clear()
    assert screen.seen() == ""


def test_progress_moves_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the main thread waits for a batch the line is written; what comes next finds it cleared."""
    monkeypatch.setattr(progress, "FIRST_SECONDS", 0)
    screen = Screen()
    shown = Progress(screen, lambda _: "some")
    with shown:
        assert screen.touched.wait(30)
    assert screen.getvalue().startswith("\rsome")
    assert screen.seen() == ""


@pytest.mark.parametrize(
    ("asked", "is_terminal", "to_terminal", "wanted"),
    [
        (None, True, False, True),
        (None, True, True, False),
        (None, False, False, False),
        (True, False, True, True),
        (False, True, False, False),
    ],
)
def test_who_sees_progress(asked: bool | None, is_terminal: bool, to_terminal: bool, wanted: bool) -> None:
    """Who asked for it, and who looks at a terminal that the output leaves alone."""
    assert is_wanted(asked, Screen(is_terminal=is_terminal), to_terminal=to_terminal) is wanted


def test_progress_of_a_command(example_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that stands at the end of a scan, drawn by hand, counts what the regions select."""
    lines = []

    class Drawn(Progress):
        def __exit__(self, *exc_info: object) -> None:
            lines.append(self._line(1.0))
            super().__exit__(*exc_info)

    monkeypatch.setattr(progress, "Progress", Drawn)
    count = output("query", "-f", "%POS", "-r", "MT", example_store).count("\n")
    assert lines == []
    pytest.importorskip("pgenlib")
    for argv in (
        ["query", "-f", "%POS"],
        ["view"],
        ["view-plink", "-M", "2", "-o", tmp_path / "plink"],
        ["view-plink", "--pgen", "-o", tmp_path / "pgen"],
        ["view-bgen", "-o", tmp_path / "bgen"],
    ):
        assert vczero(*argv, "--progress", "-r", "MT", example_store).returncode == 0, argv
    done = f"{count} of {count} variants (100%), {count}/s, 0:00 left"
    assert lines == [done, done, done, done, done]


def test_a_log_file(example_store: Path, tmp_path: Path) -> None:
    """The command, a line for the scan, and the error that ends another; nothing more on standard error."""
    log = tmp_path / "log.txt"
    assert vczero("query", "-f", "%POS", "--log-file", log, example_store).stderr == ""
    assert "INFO vczero: vczero " in log.read_text()
    assert len(re.findall(r"INFO vczero\.chunks: read \d+ batches", log.read_text())) == 1
    done = vczero("query", "-f", "%NOPE", "--log-file", log, "--log-level", "error", example_store)
    assert done.stderr.count("\n") == 1
    last = log.read_text().splitlines()[-1]
    assert "ERROR vczero: " in last
    assert done.stderr.strip().endswith(last.partition("ERROR vczero: ")[2])
    before = log.read_text()
    assert vczero("index", "-n", example_store).returncode == 0
    assert log.read_text() == before


def test_logs_on_standard_error(example_store: Path) -> None:
    """--log-level alone: INFO has the scan, ERROR nothing; warnings come without being asked for."""
    assert (
        "INFO vczero.chunks: read"
        in process("query", "-f", "%POS", "--log-level", "info", example_store).stderr
    )
    force = ["query", "-l", "-s", "NA00001,NOBODY", "--force-samples"]
    assert "NOBODY" in process(*force, example_store).stderr
    assert process(*force, "--log-level", "error", example_store).stderr == ""


def test_a_log_file_that_cannot_be_made(example_store: Path, tmp_path: Path) -> None:
    """One line, before anything is printed; where it is full, the command goes on."""
    done = process("view", "--log-file", tmp_path / "no" / "log", example_store)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "log" in done.stderr
    if os.path.exists("/dev/full"):
        done = process("query", "-l", "--log-file", "/dev/full", example_store)
        assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 25, "")


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    """A command is noted in headers and logs: keys and passwords in it are not."""
    assert shown_command(
        ["view", "-f", "a b\n", "--storage-option", "key=abc", "https://me:pw@host/a?sig=x"]
    ) == (r"view -f 'a b\n' --storage-option 'key=***' 'https://***@host/a?sig=***'")
    assert shown_command(["--storage-option=token=abc", "--storage-option", 'a={"secret": "x"}']) == (
        "'--storage-option=token=***' --storage-option 'a={\"secret\": ***}'"
    )
    log = tmp_path / "log"
    more = ["--storage-option", "key=hunter2", "--log-file", log, "--log-level", "debug"]
    assert vczero("view", *more, "https://me:hunter2@127.0.0.1:9/a.vcz?sig=hunter2").returncode == 1
    assert "hunter2" not in log.read_text()
    assert "view" in log.read_text()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    """Each names the command and the variable by which it asks."""
    script = output("completion", shell)
    assert "vczero" in script
    assert f"_VCZERO_COMPLETE={shell}_complete" in script
    assert script.endswith("\n")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("vczero vi", {"plain,view"}),
        ("vczero view --excl", {"plain,--exclude", "plain,--exclude-types", "plain,--exclude-uncalled"}),
        ("vczero view --regions-overlap rec", {"plain,record"}),
        ("vczero view exam", {"file,exam"}),
        ("vczero completion z", {"plain,zsh"}),
    ],
)
def test_what_is_completed(words: str, found: set[str]) -> None:
    """Commands, options, choices; and files where there may be one."""
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_VCZERO_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [sys.executable, "-c", MAIN], capture_output=True, text=True, check=True, env={**os.environ, **asked}
    )
    assert found <= set(done.stdout.split())
    assert done.stderr == ""


def test_help_has_sections() -> None:
    """Commands by purpose; options by theirs, each once, with the same ones in `query`."""
    text = output("--help")
    assert text.index("Records:") < text.index("  view ") < text.index("The store:") < text.index("  index ")
    headings = ["Output:", "Regions and samples:", "Filters:", "Reading the store:", "Other:"]
    for command in ("view", "query"):
        lines = output(command, "--help").splitlines()
        assert [line for line in lines if line in headings] == headings
        assert sum(line.startswith("  -i, --include") for line in lines) == 1
        assert lines.index("Filters:") < lines.index("Reading the store:")
        assert "  --help" in lines[-1]
    assert "Filters:" not in output("index", "--help")


def test_every_command_is_found() -> None:
    """The table of commands names modules, and a table can be wrong."""
    context = commands.cli.make_context("vczero", ["index"])
    names = commands.cli.list_commands(context)
    assert {"view", "query", "index", "completion"} <= set(names)
    for name in names:
        command = commands.cli.get_command(context, name)
        assert command is not None
        assert command.name == name
    assert commands.cli.get_command(context, "nothing") is None
