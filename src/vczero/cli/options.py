"""Options that several commands share, and what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vczero.cli.sections import in_section
from vczero.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from vczero.vcz.reader import VczReader
    from vczero.vcz.regions import Overlap

__all__ = [
    "FILE",
    "READING",
    "SELECTION",
    "ByteCount",
    "StorageOption",
    "explain_option",
    "output_option",
    "reading_options",
    "select",
    "selection_options",
    "store_argument",
]

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(readable=False)
"""The name of a file that may not be there; shells complete it."""

SELECTION = (
    "regions", "regions_file", "regions_overlap", "targets", "targets_file", "targets_overlap",
    "samples", "samples_file", "force_samples",
)  # fmt: skip
READING = ("io_concurrency", "decode_threads", "readahead_bytes", "backend_storage", "storage_options")

in_section("Regions and samples", SELECTION)
in_section("Filters", ("include", "exclude"))
in_section("Reading the store", READING)
in_section("Other", ("progress", "log_level", "log_file"))

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
    return click.argument("path", metavar="STORE", type=FILE)(function)


def output_option(function: F) -> F:
    """-o."""
    return click.option(
        "-o", "--output", type=FILE, metavar="FILE", help="Write to FILE, which appears when it is complete."
    )(function)


def explain_option(function: F) -> F:
    """--explain."""
    return click.option(
        "--explain", is_flag=True, help="Print what would be read: arrays, chunks, bytes; and read no more."
    )(function)


_OVERLAPS: dict[str, Overlap] = {
    "0": "pos",
    "1": "record",
    "2": "variant",
    "pos": "pos",
    "record": "record",
    "variant": "variant",
}


def _once(short: str, name: str, **options: Any) -> Callable[[F], F]:
    """An option with a value that is not to be overlooked because it is given again."""

    def the_one(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> str | None:
        if len(values) > 1:
            raise OptionError(f"{name} is given {len(values)} times: join the expressions with && or ||")
        return values[0] if values else None

    return click.option(short, name, multiple=True, callback=the_one, **options)


def selection_options(function: F) -> F:
    """Which records and samples."""
    overlap = click.Choice(list(_OVERLAPS))
    decorators = [
        click.option("-r", "--regions", metavar="REGIONS", help="Records that overlap chr:from-to[,...]."),
        click.option(
            "-R",
            "--regions-file",
            type=FILE,
            metavar="FILE",
            help="As -r, from a file (with tabs, or BED).",
        ),
        click.option(
            "--regions-overlap",
            type=overlap,
            default="1",
            help="What of a record: 0 POS, 1 the whole, 2 where alleles differ.",
        ),
        click.option(
            "-t", "--targets", metavar="[^]TARGETS", help="Records whose POS lies in, ^ out of, chr:from-to."
        ),
        click.option("-T", "--targets-file", type=FILE, metavar="[^]FILE", help="As -t, from a file."),
        click.option("--targets-overlap", type=overlap, default="0", help="As --regions-overlap."),
        click.option("-s", "--samples", metavar="[^]LIST", help="Samples, in this order; ^ all but these."),
        click.option(
            "-S", "--samples-file", type=FILE, metavar="[^]FILE", help="As -s, from a file, one a line."
        ),
        click.option("--force-samples", is_flag=True, help="Warn of unknown samples, and go on."),
        _once("-i", "--include", metavar="EXPR", help="Records for which EXPR is true."),
        _once("-e", "--exclude", metavar="EXPR", help="Records for which EXPR is not true."),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def select(
    reader: VczReader,
    *,
    regions: str | None,
    regions_file: str | None,
    regions_overlap: str,
    targets: str | None,
    targets_file: str | None,
    targets_overlap: str,
    samples: str | None,
    samples_file: str | None,
    force_samples: bool,
) -> None:
    """Set what `selection_options` say on a reader, but for the filter.

    Raises:
        OptionError: two options exclude each other.
        SelectionError: the selection makes no sense.
    """
    for name, text, file in (
        ("regions", regions, regions_file),
        ("targets", targets, targets_file),
        ("samples", samples, samples_file),
    ):
        if text is not None and file is not None:
            raise OptionError(f"--{name} and --{name}-file exclude each other")
    if regions is not None or regions_file is not None:
        reader.set_regions(
            regions if regions_file is None else _path(regions_file), overlap=_OVERLAPS[regions_overlap]
        )
    if targets is not None or targets_file is not None:
        complement, place = _file(targets_file)
        reader.set_targets(
            targets if place is None else place, complement=complement, overlap=_OVERLAPS[targets_overlap]
        )
    if samples is not None or samples_file is not None:
        complement, place = _file(samples_file)
        reader.set_samples(
            samples if place is None else place, complement=complement, ignore_missing_samples=force_samples
        )


def _file(name: str | None) -> tuple[bool, Path | None]:
    """Whether `^` stands before the name, and the file."""
    if name is None:
        return False, None
    return name.startswith("^"), _path(name.removeprefix("^"))


def _path(name: str) -> Path:
    from pathlib import Path

    return Path(name)


LOG_LEVELS = ("debug", "info", "warning", "error")


def _setting(name: str, **options: Any) -> Callable[[F], F]:
    """An option that no command sees: its value is in the context, for `vczero.cli.logs` and `progress`."""

    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        context.meta[f"vczero.{parameter.name}"] = value

    return click.option(name, expose_value=False, callback=keep, **options)


def reading_options(function: F) -> F:
    """How stores are read."""
    decorators = [
        _setting("--progress/--no-progress", default=None, help="Say how far it has come."),
        _setting("--log-level", type=click.Choice(LOG_LEVELS), help="Log this, and what is worse."),
        _setting("--log-file", type=FILE, metavar="FILE", help="Log to FILE [default: standard error]."),
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
