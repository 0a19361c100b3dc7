"""A branch, a tag or a snapshot of an icechunk repository as a store."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from vczero.chunks.remote import local_path, require
from vczero.chunks.secrets import redact
from vczero.chunks.stores import AsyncStore
from vczero.errors import OptionError, StoreNotFoundError

__all__ = ["open_icechunk"]


def open_icechunk(url: str, options: dict[str, Any]) -> AsyncStore:
    """The repository at a path or a URL, read only: `branch` ("main" if nothing else is said), `tag` or
    `snapshot`.

    The other options are those of `icechunk.s3_storage`, `gcs_storage` or `azure_storage`.
    """
    icechunk = require("icechunk", "icechunk", "an icechunk repository")
    names = ("branch", "tag", "snapshot")
    versions: dict[str, Any] = {name: options.pop(name) for name in names if name in options}
    if len(versions) > 1:
        raise OptionError(f"{redact(url)}: give one of {', '.join(versions)}")
    if "snapshot" in versions:
        versions["snapshot_id"] = versions.pop("snapshot")
    storage = _storage(icechunk, url, options)
    try:
        session = icechunk.Repository.open(storage).readonly_session(**(versions or {"branch": "main"}))
    except icechunk.IcechunkError as error:
        name = redact(url)
        reason = redact(" ".join(str(error).partition("\n\n")[0].split()))
        raise StoreNotFoundError(
            f"{name}: cannot open the icechunk repository: {reason}", store=name
        ) from error
    from vczero.chunks.zarrstore import remote_zarr_store

    return remote_zarr_store(session.store, name=url)


def _storage(icechunk: Any, url: str, options: dict[str, Any]) -> Any:
    parts = urlsplit(url)
    prefix = parts.path.strip("/")
    match parts.scheme if "://" in url else "":
        case "" | "file":
            if options:
                raise OptionError(f"{redact(url)}: a local repository takes no option {', '.join(options)}")
            return icechunk.local_filesystem_storage(local_path(url))
        case "s3" | "s3a":
            options.setdefault(
                "from_env", not {"access_key_id", "anonymous", "get_credentials"} & options.keys()
            )
            return icechunk.s3_storage(bucket=parts.netloc, prefix=prefix, **options)
        case "gs":
            return icechunk.gcs_storage(bucket=parts.netloc, prefix=prefix, **options)
        case "az" | "azure" | "abfs" | "abfss":
            return icechunk.azure_storage(container=parts.netloc, prefix=prefix, **options)
    raise OptionError(f"{redact(url)}: icechunk repositories are read from a path, s3://, gs:// or az://")
