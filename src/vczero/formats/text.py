"""Text in a format of the user's, as `bcftools query` makes it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from vczero.formats import queryformat
from vczero.formats.tags import Resolver, literal
from vczero.kernels import text
from vczero.vcz.schema import Batch, Metadata

__all__ = ["QueryEncoder"]


class QueryEncoder:
    r"""Whatever a format says, for each variant.

    Args:
        metadata: of the store and the selection.
        query_format: such as `%CHROM\t%POS[\t%GT]\n` (see `vczero.formats.queryformat`).
        allow_undefined: whether a tag that the store lacks writes "." instead of being an error.
        print_header: whether a line that names the columns comes first.
        add_newline: whether a format without a line end gets one (bcftools 1.18 and later add it).

    Raises:
        ExpressionError: the format cannot be understood.
        FieldNotFoundError: the store has no such tag.
    """

    def __init__(
        self,
        metadata: Metadata,
        query_format: str,
        *,
        allow_undefined: bool = False,
        add_newline: bool = True,
        print_header: bool = False,
    ) -> None:
        resolver = Resolver(metadata, query_format, allow_undefined)
        parts = queryformat.parse(query_format)
        self._slots = [resolver.resolve(part) for part in parts]
        if add_newline and not queryformat.has_newline(parts):
            self._slots.append(literal("\n"))
        self._header = _header(parts, resolver) if print_header else ""
        self._has_calls = any(
            metadata.has_field(name) and metadata.get_field_info(name).has_samples_axis
            for slot in self._slots
            for name in slot.columns
        )
        self._num_samples = len(resolver.samples) if any(slot.loops for slot in self._slots) else 0

    @property
    def columns(self) -> frozenset[str]:
        """The fields that the format names; one of them stands for all if it names none."""
        wanted = frozenset[str]().union(*(slot.columns for slot in self._slots))
        return wanted or frozenset({"variant_position"})

    @property
    def prints_calls(self) -> bool:
        """Whether the format names FORMAT values: where it does, `query -e` drops samples one by one."""
        return self._has_calls

    @property
    def recomputed(self) -> frozenset[str]:
        """None: what is stored is printed."""
        return frozenset()

    def header(self) -> bytes:
        """The columns' names, numbered, if they are wanted."""
        return self._header.encode()

    def encode(self, batch: Batch) -> text.Blocks:
        """The format's text for each variant of the batch."""
        pieces = [slot.make(batch) for slot in self._slots]
        return text.lines(pieces, batch.num_variants, self._num_samples)

    def trailer(self) -> bytes:
        """Nothing."""
        return b""


def _header(parts: tuple[queryformat.Part, ...], resolver: Resolver) -> str:
    """`# [1]CHROM [2]NA00001:GT ...`: the format with names for values, as `bcftools query -H` has it."""
    numbers = count(1)
    made = []
    for part in parts:
        if isinstance(part, queryformat.Group):
            for sample in resolver.samples.to_objects().tolist():
                made += [_named(item, numbers, f"{sample}:") for item in part.parts]
        else:
            made.append(_named(part, numbers, ""))
    line = "".join(made)
    return f"# {line}" if line.endswith("\n") else f"# {line}\n"


def _named(part: queryformat.Text | queryformat.Tag, numbers: Iterator[int], sample: str) -> str:
    if isinstance(part, queryformat.Text):
        return part.text
    if part.name == "SAMPLE":
        return f"[{next(numbers)}]SAMPLE"
    name = part.argument or ("GT" if part.name in ("TGT", "IUPACGT") else part.name)
    return f"[{next(numbers)}]{sample}{name}"
