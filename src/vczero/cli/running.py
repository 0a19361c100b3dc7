"""What commands do: open a store with what their options select, and write what an encoder makes of it."""

from __future__ import annotations

import gc
import os.path
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

from vczero.cli.logs import set_up
from vczero.cli.options import READING, SELECTION, select
from vczero.cli.sites import FILTERS, set_filter
from vczero.errors import OptionError

if TYPE_CHECKING:
    from vczero.formats.encoder import Encoder, Sink
    from vczero.vcz.reader import VczReader

__all__ = ["opened", "put_lines", "run"]


@contextmanager
def opened(
    path: str, given: Mapping[str, Any], semantics: Literal["view", "query"] = "query"
) -> Iterator[VczReader]:
    """The store at `path`, with the selection that the options given make, closed at the end.

    Raises:
        OptionError: the command's `-o` names the store.
    """
    from vczero.vcz.opening import open_vcz

    context = click.get_current_context()
    set_up(context)
    _check_output(path, context.params.get("output"))
    options = {name: given[name] for name in READING if given[name] is not None}
    options["storage_options"] = dict(options["storage_options"])
    with open_vcz(path, **options) as reader:
        if SELECTION[0] in given:
            select(reader, **{name: given[name] for name in SELECTION})
            set_filter(reader, {name: given[name] for name in FILTERS if name in given}, semantics)
        if not gc.isenabled():  # from here on there may be garbage, but not in what there is so far
            gc.freeze()
            gc.enable()
        yield reader


def _check_output(path: str, output: str | None) -> None:
    if output is None or not (os.path.exists(path) and os.path.exists(output)):
        return
    if os.path.samefile(path, output):
        raise OptionError(f"--output: {output} is the store that is read; name another file")


def run(
    reader: VczReader,
    encoder: Encoder,
    sink: Sink,
    *,
    records: bool = True,
    explain: bool = False,
    exclude_calls: bool = False,
) -> None:
    """Write what the encoder makes of the selected records (or of none), or explain what that would read.

    `exclude_calls`: see `VczReader.map_chunks`.
    """
    from vczero.cli.progress import shown
    from vczero.formats.encoder import write
    from vczero.formats.writing import encoded

    if explain:
        put_lines(sink, [str(reader.explain(sorted(encoder.columns)))])
    elif not records:
        write(encoder, (), sink)
    else:
        with encoded(reader, encoder, exclude_calls=exclude_calls) as batches, shown(batches):
            write(encoder, batches, sink)


def put_lines(sink: Sink, lines: Iterable[str]) -> None:
    """Write lines of text."""
    from vczero.formats.encoder import write_all

    write_all(sink, "".join(f"{line}\n" for line in lines).encode())
