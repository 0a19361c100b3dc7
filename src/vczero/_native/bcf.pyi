from typing import Any

from vczero._native.blocks import Block

def assemble(
    fixed: tuple[Any, ...],
    info: list[tuple[Any, ...]],
    formats: list[tuple[Any, ...]],
    rows: int,
    samples: int,
) -> list[Block]: ...
