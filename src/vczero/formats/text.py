"""Text in a format of the user's, as `bcftools query` makes it."""

from __future__ import annotations

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
    ) -> None:
        resolver = Resolver(metadata, query_format, allow_undefined)
        parts = queryformat.parse(query_format)
        self._slots = [resolver.resolve(part) for part in parts]
        if add_newline and not queryformat.has_newline(parts):
            self._slots.append(literal("\n"))
        self._num_samples = len(resolver.samples) if any(slot.loops for slot in self._slots) else 0

    @property
    def columns(self) -> frozenset[str]:
        """The fields that the format names; one of them stands for all if it names none."""
        wanted = frozenset[str]().union(*(slot.columns for slot in self._slots))
        return wanted or frozenset({"variant_position"})

    def header(self) -> bytes:
        """Nothing: the format is all there is."""
        return b""

    def encode(self, batch: Batch) -> list[text.Block]:
        """The format's text for each variant of the batch."""
        pieces = [slot.make(batch) for slot in self._slots]
        return text.lines(pieces, batch.num_variants, self._num_samples)

    def trailer(self) -> bytes:
        """Nothing."""
        return b""
