"""--log-level and --log-file: what the library logs, and what was run, without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

import vczero
from vczero.errors import OutputError

__all__ = ["log_error", "set_up", "shown_command"]

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def set_up(context: click.Context) -> None:
    """Send what is logged where the options of a command say, until the program ends; once.

    Raises:
        OutputError: the file cannot be written.
    """
    level, path = context.meta.get("vczero.log_level"), context.meta.get("vczero.log_file")
    if (level is None and path is None) or context.meta.get("vczero.logs"):
        return
    import logging  # costs more than opening a store

    try:
        if path is None:
            handler: logging.Handler = logging.StreamHandler()
        else:
            handler = logging.FileHandler(path, encoding="utf-8", errors="replace")
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    context.meta["vczero.logs"] = True
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger = logging.getLogger("vczero")
    before = logger.level, logger.propagate, logging.raiseExceptions
    logging.raiseExceptions = False  # a log that cannot be written to any more is no reason to stop
    logger.addHandler(handler)
    logger.setLevel((level or "info").upper())
    logger.propagate = False

    def restore() -> None:
        logger.removeHandler(handler)
        with suppress(OSError):
            handler.close()
        logger.setLevel(before[0])
        logger.propagate, logging.raiseExceptions = before[1:]

    context.find_root().call_on_close(restore)
    logger.info("vczero %s: %s", vczero.__version__, shown_command(context.meta.get("vczero.arguments", ())))


def log_error(context: click.Context, error: BaseException) -> None:
    """Note in the log file, if there is one, what is going to be said on standard error."""
    if context.meta.get("vczero.logs") and context.meta.get("vczero.log_file") is not None:
        import logging

        logging.getLogger("vczero").error("%s", error)


def shown_command(arguments: Sequence[str]) -> str:
    """A command's arguments as a shell takes them, with what may be secret hidden.

    >>> shown_command(["view", "--storage-option", "key=abc", "https://me:pw@host/a.vcz?sig=xyz"])
    "view --storage-option 'key=***' 'https://***@host/a.vcz?sig=***'"
    """
    import shlex

    from vczero.chunks.secrets import redact, redact_options

    shown = []
    is_option = False
    for argument in arguments:
        head, equals, text = argument.partition("=")
        if is_option:
            prefix, name, value = "", head, text
        elif head == "--storage-option" and equals:
            name, _, value = text.partition("=")
            prefix = "--storage-option="
        else:
            prefix, name, value = "", "", ""
        is_option = argument == "--storage-option"
        if name:
            hidden: dict[str, Any] = redact_options({name: value})
            shown.append(f"{prefix}{name}={hidden[name]}")
        else:
            shown.append(redact(argument))
    return shlex.join(shown).replace("\n", r"\n").replace("\t", r"\t")
