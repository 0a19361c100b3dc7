"""vczero: VCF Zarr stores, from stored bytes straight to NumPy arrays, VCF and query text.

Names are imported when they are first used, so that `import vczero` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vczero.chunks.blocks import BlockReader
    from vczero.chunks.zarrgroup import open_zarr
    from vczero.errors import (
        ChunkError,
        ExpressionError,
        FieldNotFoundError,
        MetadataError,
        MissingDependencyError,
        NotVczError,
        OptionError,
        OutputError,
        RecordError,
        SelectionError,
        StoreError,
        StoreNotFoundError,
        UnsupportedError,
        VczeroError,
    )
    from vczero.formats.bgenfile import BgenEncoder
    from vczero.formats.bgenwriting import write_bgen, write_bgi, write_sample
    from vczero.formats.pgen import write_pgen
    from vczero.formats.plink import BedEncoder
    from vczero.formats.plinkfiles import write_bim, write_fam, write_plink
    from vczero.formats.writing import write_query, write_vcf
    from vczero.vcz.opening import open_vcz as open  # noqa: A004
    from vczero.vcz.predicates import BcftoolsFilter, Filter
    from vczero.vcz.reader import VczReader
    from vczero.vcz.rewrites import rewrites
    from vczero.vcz.schema import Batch, FieldInfo
    from vczero.vcz.sitefilter import SiteFilter
    from vczero.vcz.values import is_fill, is_missing, trim_fill

__version__ = "0.1.0.dev0"

__all__ = [
    "Batch",
    "BcftoolsFilter",
    "BedEncoder",
    "BgenEncoder",
    "BlockReader",
    "ChunkError",
    "ExpressionError",
    "FieldInfo",
    "FieldNotFoundError",
    "Filter",
    "MetadataError",
    "MissingDependencyError",
    "NotVczError",
    "OptionError",
    "OutputError",
    "RecordError",
    "SelectionError",
    "SiteFilter",
    "StoreError",
    "StoreNotFoundError",
    "UnsupportedError",
    "VczReader",
    "VczeroError",
    "is_fill",
    "is_missing",
    "open",
    "open_zarr",
    "rewrites",
    "trim_fill",
    "write_bgen",
    "write_bgi",
    "write_bim",
    "write_fam",
    "write_pgen",
    "write_plink",
    "write_query",
    "write_sample",
    "write_vcf",
]

# Where the public names live; those that are not here are errors.
_HOMES = {
    "Batch": "vczero.vcz.schema:Batch",
    "BcftoolsFilter": "vczero.vcz.predicates:BcftoolsFilter",
    "BedEncoder": "vczero.formats.plink:BedEncoder",
    "BgenEncoder": "vczero.formats.bgenfile:BgenEncoder",
    "BlockReader": "vczero.chunks.blocks:BlockReader",
    "FieldInfo": "vczero.vcz.schema:FieldInfo",
    "Filter": "vczero.vcz.predicates:Filter",
    "SiteFilter": "vczero.vcz.sitefilter:SiteFilter",
    "VczReader": "vczero.vcz.reader:VczReader",
    "is_fill": "vczero.vcz.values:is_fill",
    "is_missing": "vczero.vcz.values:is_missing",
    "open": "vczero.vcz.opening:open_vcz",
    "open_zarr": "vczero.chunks.zarrgroup:open_zarr",
    "rewrites": "vczero.vcz.rewrites:rewrites",
    "trim_fill": "vczero.vcz.values:trim_fill",
    "write_bgen": "vczero.formats.bgenwriting:write_bgen",
    "write_bgi": "vczero.formats.bgenwriting:write_bgi",
    "write_sample": "vczero.formats.bgenwriting:write_sample",
    "write_bim": "vczero.formats.plinkfiles:write_bim",
    "write_fam": "vczero.formats.plinkfiles:write_fam",
    "write_pgen": "vczero.formats.pgen:write_pgen",
    "write_plink": "vczero.formats.plinkfiles:write_plink",
    "write_query": "vczero.formats.writing:write_query",
    "write_vcf": "vczero.formats.writing:write_vcf",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'vczero' has no attribute {name!r}")
    module, _, attribute = _HOMES.get(name, f"vczero.errors:{name}").partition(":")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
