"""`open_zarr`: a store as a read-only `zarr.Group`, for what zarr-python itself is wanted for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from vczero.chunks.remote import require
from vczero.chunks.stores import Backend, open_store
from vczero.errors import StoreError

if TYPE_CHECKING:
    import zarr

__all__ = ["open_zarr"]


def open_zarr(
    source: str | os.PathLike[str] | zarr.Group | Any,
    *,
    zarr_format: Literal[2, 3] | None = None,
    backend_storage: Backend | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> zarr.Group:
    """The group at the root of a store, read only, over a store of zarr-python's or, for URLs, over ours.

    `vczero.open` takes such a group; a reader needs none, and opens quicker without.

    Args:
        source: a path (directory or zip), a URL, a store as for `vczero.open`, or a `zarr.Group`, which comes
            back as it is.
        zarr_format: of the group; None: whichever is there.
        backend_storage, storage_options: as for `vczero.open`.

    Raises:
        StoreNotFoundError: there is nothing at the path.
        StoreError: it holds no group.
        OptionError: a contradictory option.
        MissingDependencyError: zarr-python, or the backend's package, is not installed.
    """
    zarr = require("zarr", "zarr", "a zarr.Group")
    from zarr.abc.store import Store

    from vczero.chunks.zarradapter import ReadOnlyStore, local_store

    if isinstance(source, zarr.Group):
        return source
    store = source if isinstance(source, Store) else None
    if store is None:
        ours = open_store(source, backend_storage=backend_storage, storage_options=storage_options)
        local = isinstance(source, str | os.PathLike) and "://" not in str(source)
        store = local_store(os.fspath(source)) if local and ours.synchronous else ReadOnlyStore(ours)
    try:
        return zarr.open_group(store, mode="r", zarr_format=zarr_format)
    except FileNotFoundError as error:
        raise StoreError(f"{source}: there is no Zarr group at its root", store=str(source)) from error
