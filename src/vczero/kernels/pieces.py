"""The pieces of a line of text: what `vczero.kernels.text` writes."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.strings import Strings

__all__ = [
    "Column",
    "Format",
    "Genotypes",
    "Info",
    "Line",
    "Literal",
    "Lookup",
    "Names",
    "Piece",
    "Samples",
    "Values",
]

Column: TypeAlias = npt.NDArray[Any] | Strings


class Literal(NamedTuple):
    """Text as it is."""

    text: bytes


class Values(NamedTuple):
    """A cell's values from `start` to `stop`.

    Where all values are missing (of a column with samples: of all samples in the row), the cell is one ".",
    since then the row does not have the key.

    Attributes:
        column: axes rows (if `rows`), samples (if `samples`), and at most one more, the values of a cell.
            bool, integers and floats in native byte order, fixed-width text, or `Strings`.
        key: the name in INFO or FORMAT.
        lone: whether a cell with one value only, a number, gives that, whatever `start` is (bcftools query
            1.16 does so in INFO).
    """

    column: Column
    key: bytes = b""
    rows: bool = True
    samples: bool = False
    start: int = 0
    stop: int | None = None
    lone: bool = False


class Lookup(NamedTuple):
    """The name whose number stands in the row; "." for a number that has none.

    Attributes:
        column: integers, (rows,).
        names: (names,).
    """

    column: npt.NDArray[Any]
    names: Strings


class Names(NamedTuple):
    """The names whose flag is set in the row, joined by ";".

    Attributes:
        column: bool, (rows, names).
        names: (names,).
    """

    column: npt.NDArray[np.bool_]
    names: Strings


class Genotypes(NamedTuple):
    """A sample's call.

    Attributes:
        column: integers, (rows, samples, ploidy).
        phased: bool, (rows, samples); None where no call is phased.
        alleles: (rows, alleles). Where given, the alleles' text stands in place of their numbers.
        iupac: whether a diploid call of two single bases is its IUPAC code.
    """

    column: npt.NDArray[Any]
    phased: npt.NDArray[np.bool_] | None = None
    key: bytes = b"GT"
    alleles: Strings | None = None
    iupac: bool = False


class Info(NamedTuple):
    """`key=values` of the entries that have a value in the row, flags as `key`, joined by ";"."""

    entries: tuple[Values, ...]


class Samples(NamedTuple):
    """The pieces once for each sample; with a mask, bool (rows, samples), where it is set."""

    pieces: tuple[Piece, ...]
    mask: npt.NDArray[np.bool_] | None = None


class Format(NamedTuple):
    """The keys of the entries that have a value for a sample in the row (GT always), joined by ":", then for
    each sample a tab and its cells, joined by ":"."""

    entries: tuple[Values | Genotypes, ...]


class Line(NamedTuple):
    """The pieces, one after the other."""

    pieces: tuple[Piece, ...]


Piece: TypeAlias = "Literal | Values | Lookup | Names | Genotypes | Info | Samples | Format | Line"
