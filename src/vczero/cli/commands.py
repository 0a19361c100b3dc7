"""The command line: its commands by purpose, each in a module of its own, and what errors come to.

A command's module is imported when the command is run or its help is wanted; what is slow to import, it
imports in the command's body. So `--version` and `--help` are there at once.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module

import click

import vczero
from vczero.cli.logs import log_error
from vczero.errors import ExpressionError, OptionError, VczeroError
from vczero.formats.output import ClosedPipeError

__all__ = ["cli", "main"]

_USAGE = 2
_INTERRUPTED = 130
_BROKEN_PIPE = 141


class _Never(click.UsageError):
    """Stands in for an error that this click does not have."""


# Since click 8.2; before, help is printed and the exit code is 0.
_NO_ARGUMENTS: type[click.UsageError] = getattr(click.exceptions, "NoArgsIsHelpError", _Never)
_SETTINGS = {"help_option_names": ["--help"], "max_content_width": 100}

# Purpose -> name -> the module in `vczero.cli` that has a command of that name ("-" as "_").
_COMMANDS = {
    "Records": {"view": "view", "query": "query"},
    "Genotypes for association tests": {"view-plink": "plink", "view-bgen": "bgen"},
    "The store": {"index": "index"},
    "The shell": {"completion": "completion"},
}


class Commands(click.Group):
    """The commands of `_COMMANDS`, imported when asked for and listed by purpose."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of help."""
        return [name for commands in _COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name; None if there is none."""
        for commands in _COMMANDS.values():
            if cmd_name in commands:
                module = import_module(f"vczero.cli.{commands[cmd_name]}")
                command: click.Command = getattr(module, cmd_name.replace("-", "_"))
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each purpose."""
        for purpose, commands in _COMMANDS.items():
            made = [(name, self.get_command(ctx, name)) for name in commands]
            with formatter.section(purpose):
                formatter.write_dl(
                    [(name, command.get_short_help_str(90)) for name, command in made if command]
                )


@click.group(cls=Commands, context_settings=_SETTINGS)
@click.version_option(vczero.__version__, message="vczero %(version)s")
def cli() -> None:
    """Read VCF Zarr stores: view them as VCF, print columns, ask what they hold.

    The commands and options follow bcftools.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0; 1 an error; 2 wrong usage; 130 Ctrl-C; 141 a closed pipe.

    An error is one line on standard error; a closed pipe is quiet.
    """
    # Imports make a hundred thousand objects and no garbage. To look through them for some, as they come and
    # once more at exit, takes a fifth of a short command's time. `running.opened` ends the first of the two.
    gc.disable()
    atexit.register(gc.freeze)
    _open_closed()
    try:
        sys.exit(_exit_code(arguments))
    finally:
        gc.enable()


def _exit_code(arguments: Sequence[str] | None) -> int:
    # NumPy's algebra, which is not used, would start a thread for each CPU: longer than reading a region.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if "_VCZERO_COMPLETE" in os.environ:
        cli.main(prog_name="vczero")
    try:
        # What `cli.main` does beyond these lines is to report errors and interrupts in a way of its own.
        given = sys.argv[1:] if arguments is None else list(arguments)
        with cli.make_context("vczero", given) as context:
            context.meta["vczero.arguments"] = given
            try:
                cli.invoke(context)
            except VczeroError as error:
                log_error(context, error)
                raise
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except _NO_ARGUMENTS as error:
        _complain(error.format_message())
        return _USAGE
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx is not None else "vczero"
        message = " ".join(error.format_message().split()).rstrip(".")
        _complain(f"vczero: error: {message} (see {command} --help)")
        return _USAGE
    except KeyboardInterrupt:
        _complain("vczero: error: interrupted")
        return _INTERRUPTED
    except (ClosedPipeError, BrokenPipeError):
        _forget_stdout()
        return _BROKEN_PIPE
    except VczeroError as error:
        _complain(f"vczero: error: {error}")
        if (
            isinstance(error, ExpressionError)
            and "\n" not in str(error)
            and error.text is not None
            and error.position is not None
        ):
            _complain(f"  {_visible(error.text)}\n  {' ' * len(_visible(error.text[: error.position]))}^")
        return _USAGE if isinstance(error, OptionError) else 1
    except OSError as error:  # from click, which prints help
        _forget_stdout()
        _complain(f"vczero: error: cannot write standard output: {error.strerror}")
        return 1


def _open_closed() -> None:
    """Open the standard streams that the caller has closed, lest a file that is opened next be taken for one.

    What is written to standard output fails then, and to standard error goes nowhere.
    """
    for descriptor, stream in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR if stream == "stderr" else os.O_RDONLY)
            setattr(sys, stream, open(descriptor, "r" if stream == "stdin" else "w", closefd=False))  # noqa: SIM115


def _forget_stdout() -> None:
    """Let go of what Python still holds for standard output, or it would complain of it at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _visible(text: str) -> str:
    """Text on one line."""
    return text.replace("\n", r"\n").replace("\t", r"\t")


def _complain(message: str) -> None:
    """Write to standard error, which may be closed too."""
    with suppress(OSError):
        print(message, file=sys.stderr, flush=True)  # noqa: T201
