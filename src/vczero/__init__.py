"""vczero: VCF Zarr stores, from stored bytes straight to NumPy arrays, VCF and query text.

Names are imported when they are first used, so that `import vczero` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader
    from vczero.errors import (
        ChunkError,
        ExpressionError,
        FieldNotFoundError,
        MetadataError,
        MissingDependencyError,
        NotVczError,
        OptionError,
        OutputError,
        SelectionError,
        StoreError,
        StoreNotFoundError,
        UnsupportedError,
        VczeroError,
    )

__version__ = "0.1.0.dev0"

__all__ = [
    "BlockReader",
    "ChunkError",
    "ExpressionError",
    "FieldNotFoundError",
    "MetadataError",
    "MissingDependencyError",
    "NotVczError",
    "OptionError",
    "OutputError",
    "SelectionError",
    "StoreError",
    "StoreNotFoundError",
    "UnsupportedError",
    "VczeroError",
]

# Where the public names live; those that are not here are errors.
_HOMES = {
    "BlockReader": "vczero.chunks.blocks",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'vczero' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "vczero.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
