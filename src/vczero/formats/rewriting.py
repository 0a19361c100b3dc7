"""`RewritingEncoder`: an encoder of records that rewrites have changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vczero.formats.encoder import Buffer, Encoder
from vczero.vcz.schema import Batch, Metadata, Rewrite

__all__ = ["RewritingEncoder", "metadata_after", "rewriting"]

# Calls of a batch that are changed and encoded at a time, so that what rewrites make of them stays small.
_CALLS_AT_ONCE = 2**20


class RewritingEncoder:
    """What `inner` makes of batches that `rewrites` have changed, one after the other.

    `inner` is made for the metadata of the last of them.
    """

    def __init__(self, inner: Encoder, rewrites: Sequence[Rewrite]) -> None:
        self._inner = inner
        self._rewrites = tuple(rewrites)
        self._num_samples = len(rewrites[-1].metadata.sample_ids)

    @property
    def columns(self) -> frozenset[str]:
        """What has to be read."""
        columns = self._inner.columns
        for rewrite in reversed(self._rewrites):
            columns = rewrite.reads(columns)
        return columns

    @property
    def recomputed(self) -> frozenset[str]:
        """What `inner` wants computed, as far as it is read."""
        return self._inner.recomputed & self.columns

    def header(self) -> bytes:
        """The inner header."""
        return self._inner.header()

    def encode(self, batch: Batch) -> Sequence[Buffer]:
        """The batch's bytes, some variants at a time where it has many calls."""
        return [buffer for part in self._parts(batch) for buffer in self._inner.encode(self._rewritten(part))]

    def trailer(self) -> bytes:
        """The inner trailer."""
        return self._inner.trailer()

    def _rewritten(self, batch: Batch) -> Batch:
        for rewrite in self._rewrites:
            batch = rewrite.apply(batch)
        return batch

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        rows = max(1, _CALLS_AT_ONCE // max(1, self._num_samples))
        if batch.num_variants <= rows:
            yield batch
            return
        for start in range(0, batch.num_variants, rows):
            part = slice(start, start + rows)
            # Every column has the variants axis: encoders of records name no others.
            columns = {name: column[part] for name, column in batch.columns.items()}
            mask = None if batch.sample_mask is None else batch.sample_mask[part]
            yield Batch(columns, batch.variant_index[part], mask)


def metadata_after(metadata: Metadata, rewrites: Sequence[Rewrite]) -> Metadata:
    """What encoders are made for: the metadata after the last rewrite, if there is any."""
    return rewrites[-1].metadata if rewrites else metadata


def rewriting(encoder: Encoder, rewrites: Sequence[Rewrite]) -> Encoder:
    """The encoder, behind the rewrites if there are any."""
    return RewritingEncoder(encoder, rewrites) if rewrites else encoder
