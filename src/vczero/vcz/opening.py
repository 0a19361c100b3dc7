"""`vczero.open`: a reader with its selection set, in one call."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from vczero.vcz.plan import Semantics
from vczero.vcz.reader import VczReader
from vczero.vcz.regions import RegionInput
from vczero.vcz.schema import Predicate
from vczero.vcz.selection import SampleInput

if TYPE_CHECKING:
    from vczero.vcz.selector import Unbound

__all__ = ["open_vcz"]


def open_vcz(
    source: str | os.PathLike[str] | Any,
    *,
    samples: SampleInput | None = None,
    regions: RegionInput | None = None,
    targets: RegionInput | None = None,
    variants: slice | Sequence[int] | npt.NDArray[Any] | None = None,
    variant_filter: Predicate | Unbound | str | None = None,
    semantics: Semantics = "selection",
    io_concurrency: int = 32,
    decode_threads: int | None = None,
    readahead_bytes: int = 256 * 2**20,
    backend_storage: Literal["local", "fsspec", "obstore", "icechunk"] | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> VczReader:
    """A `VczReader` of the store at `source`, with a selection set; `vczero.open`.

    Raises:
        As `VczReader` and its setters.
    """
    reader = VczReader(
        source,
        io_concurrency=io_concurrency,
        decode_threads=decode_threads,
        readahead_bytes=readahead_bytes,
        backend_storage=backend_storage,
        storage_options=storage_options,
    )
    try:
        reader.select(
            samples=samples,
            regions=regions,
            targets=targets,
            variants=variants,
            variant_filter=variant_filter,
            semantics=semantics,
        )
    except BaseException:
        reader.close()
        raise
    return reader
