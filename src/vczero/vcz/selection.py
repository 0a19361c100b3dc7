"""Which samples are wanted: names, files and indexes to positions on the samples axis.

A sample whose name in the store is "" is a null sample: it can never be selected.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from vczero.errors import SelectionError

__all__ = ["SampleInput", "check_indexes", "read_samples", "real_samples", "select_samples", "variant_runs"]

SampleInput: TypeAlias = "str | os.PathLike[str] | Sequence[str]"
Int64s: TypeAlias = npt.NDArray[np.int64]


def real_samples(sample_ids: Sequence[str]) -> Int64s:
    """int64, (samples that are not null,): their indexes, ascending."""
    return np.array([number for number, name in enumerate(sample_ids) if name], np.int64)


def select_samples(
    wanted: SampleInput,
    sample_ids: Sequence[str],
    *,
    complement: bool = False,
    ignore_unknown: bool = False,
) -> Int64s:
    """int64, (selected samples,): indexes of the samples named, in the order named.

    `wanted` is a list of names, text with commas as bcftools `-s` takes it (`^` before it for the
    complement), or the path of a file as for `-S`. The complement comes in the store's order.

    Raises:
        SelectionError: a name is unknown (unless `ignore_unknown`, which logs it), given twice, or empty.
    """
    names, negated = _names(wanted)
    complement = complement != negated
    numbers: dict[str, int] = {}
    for number, name in enumerate(sample_ids):
        numbers.setdefault(name, number)
    if "" in names:
        raise SelectionError("samples: a name is empty, which is no sample's name")
    unknown = [name for name in names if name not in numbers]
    if unknown:
        text = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        if not ignore_unknown:
            plural = "s" if len(unknown) > 1 else ""
            near = _near(unknown[0], numbers)
            raise SelectionError(f"samples: the store has no sample{plural} {text}{near}")
        import logging  # costs more than opening a store

        logging.getLogger("vczero.vcz").warning("samples: ignored, for the store has none of them: %s", text)
        names = [name for name in names if name in numbers]
    if complement:
        left_out = set(names)
        return real_samples(["" if name in left_out else name for name in sample_ids])
    if len(set(names)) != len(names):
        twice = max(names, key=names.count)
        raise SelectionError(f"samples: {twice} is named twice")
    return np.array([numbers[name] for name in names], np.int64)


def _names(wanted: SampleInput) -> tuple[list[str], bool]:
    """(names, whether they are to be left out)."""
    if isinstance(wanted, os.PathLike):
        return read_samples(wanted), False
    if isinstance(wanted, str):
        text = wanted.removeprefix("^")
        return text.split(","), text != wanted
    names = list(wanted)
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise SelectionError(f"samples: {wrong!r} is not a name; indexes go to sample_indexes")
    return names, False


def _near(name: str, names: dict[str, int]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(names)[:100_000], n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def read_samples(path: str | os.PathLike[str]) -> list[str]:
    """The names in a file, a line each, white space within kept (bcftools `view -S`); empty lines are left
    out.

    Raises:
        SelectionError: the file cannot be read, or is not text.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return [name for line in file if (name := line.rstrip())]
    except OSError as error:
        raise SelectionError(f"samples: cannot read {os.fspath(path)}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SelectionError(f"samples: {os.fspath(path)} is not text") from None


def check_indexes(indexes: Any, real: Int64s, num_samples: int) -> Int64s:
    """int64, (samples,): a copy of `indexes`, checked against those that are `real`, not null.

    Raises:
        SelectionError: not integers, out of range, a null sample, or one given twice.
    """
    array = np.array(indexes)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise SelectionError(f"sample indexes: expected a list of integers, not {indexes!r:.80}")
    result = array.astype(np.int64)
    if not result.size:
        return result
    outside = result[(result < 0) | (result >= num_samples)]
    if outside.size:
        raise SelectionError(f"sample indexes: {outside[0]} is not in 0..{num_samples - 1}")
    null = result[~np.isin(result, real)]
    if null.size:
        raise SelectionError(f"sample indexes: {null[0]} is a null sample")
    values, counts = np.unique(result, return_counts=True)
    if counts.max() > 1:
        raise SelectionError(f"sample indexes: {values[counts > 1][0]} is given twice")
    return result


def variant_runs(variants: Any, num_variants: int) -> Int64s:
    """int64, (runs, 2): runs [first, end) of variants selected by a slice or by ascending numbers.

    Raises:
        SelectionError: numbers do not ascend, or one is out of range.
    """
    if isinstance(variants, slice):
        start, stop, step = variants.indices(num_variants)
        if step == 1:
            return np.array([(start, max(start, stop))], np.int64)
        if step < 0:
            raise SelectionError("variants: a slice must ascend")
        variants = np.arange(start, stop, step)
    array = np.asarray(variants)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise SelectionError(f"variants: expected a slice or a list of integers, not {variants!r:.80}")
    numbers = array.astype(np.int64)
    if not numbers.size:
        return np.empty((0, 2), np.int64)
    steps = np.diff(numbers)
    if (steps <= 0).any():
        at = int(np.flatnonzero(steps <= 0)[0])
        raise SelectionError(f"variants: {numbers[at + 1]} comes after {numbers[at]}; numbers must ascend")
    if numbers[0] < 0 or numbers[-1] >= num_variants:
        wrong = numbers[0] if numbers[0] < 0 else numbers[-1]
        raise SelectionError(f"variants: {wrong} is not in 0..{num_variants - 1}")
    first = numbers[np.concatenate(([True], steps != 1))]
    last = numbers[np.concatenate((steps != 1, [True]))]
    return np.stack((first, last + 1), axis=1)
