"""Sizes that a plan does not tell, estimated from what was seen: of text, and of chunks as they are stored.

An estimate rises at once and falls slowly, so that chunks that are small for once do not break a budget. What
one stream has learnt serves the next: the first of a remote store has to be careful for a round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from vczero.chunks.steps import Read

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader

__all__ = ["Sizes", "StoredSizes", "TextSizes"]

# Of the budget, what a text chunk is believed to need while none of its array has been seen: decoded, and
# as it is stored.
_UNSEEN_TEXT_FRACTION = 8
_UNSEEN_STORED_TEXT_FRACTION = 256


class Sizes:
    """Both kinds, for any number of windows with the same budget."""

    def __init__(self, budget_bytes: int) -> None:
        self.text = TextSizes(budget_bytes)
        self.stored = StoredSizes(budget_bytes)


class TextSizes:
    """Bytes per row of text arrays, learnt from the chunks that have been decoded.

    While few chunks of an array have been seen, a fraction of the budget is set aside for each.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._unseen_bytes = budget_bytes // _UNSEEN_TEXT_FRACTION
        self._seen: WeakKeyDictionary[BlockReader, tuple[int, float]] = WeakKeyDictionary()

    def bytes_of(self, read: Read) -> int:
        if not read.is_text:
            return read.nbytes
        count, per_row = self._seen.get(read.reader, (0, 0.0))
        estimate = int(read.shape[0] * per_row) if count else read.nbytes
        return max(estimate, self._unseen_bytes // (1 + count))

    def learn(self, read: Read, nbytes: int) -> None:
        count, old = self._seen.get(read.reader, (0, 0.0))
        new = nbytes / max(1, read.shape[0])
        self._seen[read.reader] = count + 1, max(new, old + (new - old) / 4)


class StoredSizes:
    """Stored bytes per decoded byte (of text: per byte of the plan's guess), learnt from what was fetched."""

    def __init__(self, budget_bytes: int) -> None:
        self._unseen_text_bytes = budget_bytes // _UNSEEN_STORED_TEXT_FRACTION
        self._seen: WeakKeyDictionary[BlockReader, float] = WeakKeyDictionary()

    def bytes_of(self, read: Read) -> int:
        ratio = self._seen.get(read.reader)
        if ratio is not None:
            return int(read.nbytes * ratio)
        return max(read.nbytes, self._unseen_text_bytes) if read.is_text else read.nbytes

    def learn(self, read: Read, nbytes: int) -> None:
        new = nbytes / max(1, read.nbytes)
        old = self._seen.get(read.reader, new)
        self._seen[read.reader] = max(new, old + (new - old) / 4)
