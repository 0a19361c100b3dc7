from typing import Any

from vczero._native.blocks import Block

def assemble(program: list[tuple[Any, ...]], rows: int, samples: int) -> list[Block]: ...
