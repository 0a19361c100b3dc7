"""The command line as users run it: in this process, or in one of its own."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from vczero.cli.commands import main

MAIN = "import sys; from vczero.cli.commands import main; sys.argv[0] = 'vczero'; main()"


def argv(*arguments: str | Path) -> list[str]:
    """The command's argument vector, with this Python."""
    return [sys.executable, "-W", "error", "-c", MAIN, *map(str, arguments)]


def process(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, ended."""
    settings = {"capture_output": True, "text": True, "timeout": 60, **options}
    return subprocess.run(argv(*arguments), check=False, **settings)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str
    written: bytes


def vczero(*arguments: str | Path) -> Done:
    """The command in this process (another takes ten times longer): exit code, output, complaints."""
    complaints, printed = io.StringIO(), io.StringIO()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            with redirect_stderr(complaints), redirect_stdout(printed), pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        written = file.read()
    assert isinstance(ended.value.code, int)
    text = written.decode(errors="replace") + printed.getvalue()
    return Done(ended.value.code, text, complaints.getvalue(), written)


def output(*arguments: str | Path) -> str:
    """What the command prints; it must succeed and complain of nothing."""
    done = vczero(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def raw_output(*arguments: str | Path) -> bytes:
    """The bytes that the command writes; as `output`."""
    done = vczero(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return done.written
