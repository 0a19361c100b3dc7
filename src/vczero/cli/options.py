"""Options that several commands share, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

__all__ = ["ByteCount", "StorageOption", "output_option", "reading_options", "store_argument"]

F = TypeVar("F", bound=Callable[..., Any])

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class ByteCount(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A number of bytes: 4096, 64kB, 256MiB."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number of bytes."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]i?)?b?", str(value).strip(), re.IGNORECASE)
        if match is None:
            self.fail(f"{value!r} is not a size: write bytes or, for example, 256MiB", param, ctx)
        return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


class StorageOption(click.ParamType):  # type: ignore[type-arg]  # as above
    """KEY=VALUE; the value is JSON if it can be read as such, else text."""

    name = "KEY=VALUE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Key and value."""
        import json

        key, equals, text = str(value).partition("=")
        if not key or not equals:
            self.fail("write KEY=VALUE", param, ctx)
        try:
            return key, json.loads(text)
        except ValueError:
            return key, text


def store_argument(function: F) -> F:
    """PATH: the store."""
    return click.argument("path", metavar="STORE")(function)


def output_option(function: F) -> F:
    """-o."""
    return click.option(
        "-o", "--output", metavar="FILE", help="Write to FILE, which appears when it is complete."
    )(function)


def reading_options(function: F) -> F:
    """How stores are read."""
    decorators = [
        click.option(
            "--io-concurrency",
            type=click.IntRange(min=1),
            metavar="INT",
            help="The most requests to the store at a time.",
        ),
        click.option(
            "--decode-threads",
            "--threads",
            type=click.IntRange(min=1),
            metavar="INT",
            help="Threads that decode and write [default: the usable CPUs].",
        ),
        click.option(
            "--readahead-buffer-size",
            "readahead_bytes",
            type=ByteCount(),
            help="Decoded bytes to read ahead, such as 256MiB; 0: none.",
        ),
        click.option(
            "--backend-storage",
            type=click.Choice(["local", "fsspec", "obstore", "icechunk"]),
            help="What reads the store [default: by its address].",
        ),
        click.option(
            "--storage-option",
            "storage_options",
            type=StorageOption(),
            multiple=True,
            help="An option of the storage backend; may be repeated.",
        ),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function
