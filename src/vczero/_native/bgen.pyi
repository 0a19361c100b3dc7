from typing import Any

def call_blocks(
    genotypes: Any,
    phased: Any,
    alleles: Any,
    largest: int,
    spare: int,
    first: int,
    out: Any,
    ends: Any,
    sizes: Any,
) -> tuple[int, int]: ...
def float_blocks(
    values: Any, ploidies: Any, alleles: Any, tolerance: float, out: Any, ends: Any
) -> tuple[int, int, int] | None: ...
def variant_records(
    texts: tuple[Any, ...], positions: Any, counts: Any, payload: Any, offsets: Any, sizes: Any, out: Any
) -> None: ...
