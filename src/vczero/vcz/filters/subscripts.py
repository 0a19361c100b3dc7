"""What stands in square brackets after a tag: which values, and of a FORMAT tag which samples.

`[0]`, `[*]`, `[]`, `[0,2-4]`, `[1-]`; for FORMAT also `[samples:values]` and `[@file]`, `[@file:values]`.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from vczero.errors import SelectionError

__all__ = ["EVERY", "Elements", "parse_elements", "read_list", "split_subscript"]

# A list of names is held in memory; millions of IDs take less than this many bytes.
MAX_LIST: Final = 1 << 28
_RANGES = re.compile(r"(\d+(-\d+)?,)*\d+(-\d*)?")


@dataclass(frozen=True, slots=True)
class Elements:
    """A choice of positions along an axis.

    Attributes:
        ranges: (first, last) pairs, both included; a last of None is open.
        single: whether it was written as one number, which is more than a choice of one: the value then
            stands for itself, not for a list of one.
        of_genotype: `[GT]`: the positions of the alleles in each sample's genotype.
    """

    ranges: tuple[tuple[int, int | None], ...]
    single: bool = False
    of_genotype: bool = False

    @property
    def every(self) -> bool:
        """Whether all are chosen."""
        return self.ranges[0] == (0, None)

    @property
    def open_end(self) -> bool:
        """Whether it reaches to the axis's end, wherever that is."""
        return self.ranges[-1][1] is None

    def positions(self, length: int) -> npt.NDArray[np.intp]:
        """The chosen positions below `length`, ascending."""
        chosen = np.zeros(length, dtype=bool)
        for first, last in self.ranges:
            chosen[first : None if last is None else last + 1] = True
        return np.flatnonzero(chosen)

    def count(self) -> int:
        """How many are chosen, whatever the axis's length, which must not be open."""
        ends = [(first, first if last is None else last) for first, last in self.ranges]
        total, reached = 0, -1
        for first, last in sorted(ends):
            total += max(0, last - max(first, reached + 1) + 1)
            reached = max(reached, last)
        return total


EVERY = Elements(((0, None),))


def parse_elements(text: str) -> Elements | None:
    """The choice that `text` writes, or None if it writes none."""
    if text in ("", "*"):
        return EVERY
    if text == "GT":
        return Elements(((0, None),), of_genotype=True)
    if not text.isascii() or len(text) > 1000 or not _RANGES.fullmatch(text):
        return None
    ranges: list[tuple[int, int | None]] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if dash and not last:
            ranges.append((int(first), None))
        elif dash and int(last) >= int(first):
            ranges.append((int(first), int(last)))
        else:
            # bcftools takes a range that runs backwards for its second number.
            ranges.append((int(last or first), int(last or first)))
    limit = 1 << 31
    if any(first >= limit or (last or 0) >= limit for first, last in ranges):
        return None
    if ranges[-1][1] is None and any(first >= ranges[-1][0] for first, _ in ranges[:-1]):
        return None
    return Elements(tuple(ranges), single=text.isdigit())


def split_subscript(text: str) -> tuple[str | None, str]:
    """(samples, values) of a FORMAT tag's subscript; samples is None if it has no colon."""
    if text.startswith("@"):
        path, colon, values = text.rpartition(":")
        # A colon may belong to the path: then the file exists under the whole name.
        if not colon or os.path.exists(expand_path(text[1:])):
            return text, "*"
        return path, values
    samples, colon, values = text.rpartition(":")
    return (samples, values) if colon else (None, text)


def expand_path(path: str) -> str:
    """A path with `~`, `~user` or a whole `$VARIABLE` at its start put in, as bcftools 1.16 does."""
    if path.startswith("$"):
        return os.environ.get(path[1:], path)
    return os.path.expanduser(path)


def read_list(path: str) -> list[str]:
    """The first word of each line that has one; plain or gzip.

    Raises:
        SelectionError: the file cannot be read, naming it.
    """
    import gzip
    import zlib

    path = expand_path(path)
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_LIST + 1)
        if data[:2] == b"\x1f\x8b":
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
                data = unpacked.read(MAX_LIST + 1)
        if len(data) > MAX_LIST:
            raise SelectionError(f"cannot read {path}: it has more than {MAX_LIST >> 20} MiB")
        return [words[0] for line in data.decode().splitlines() if (words := line.split(None, 1))]
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SelectionError(f"cannot read {path}: {reason}") from error


def sample_mask(names: Sequence[str], sample_ids: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """bool, (samples,): which of `sample_ids` are among `names`.

    Raises:
        SelectionError: a name that is no sample.
    """
    known = {str(name): position for position, name in enumerate(sample_ids.tolist())}
    mask = np.zeros(len(known), dtype=bool)
    for name in names:
        if name not in known:
            raise SelectionError(f"there is no sample {name!r}")
        mask[known[name]] = True
    return mask
