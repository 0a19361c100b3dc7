"""Stores behind a URL: which backend serves which scheme, and what its options are.

| scheme | default backend |
| --- | --- |
| `file` | local |
| `http`, `https`, `s3`, `s3a`, `gs`, `az`, `adl`, `azure`, `abfs`, `abfss`, `memory` | obstore |
| `http`, `https` with a query (a signed URL) | fsspec |
| any other | fsspec |

A URL whose path ends in `.zip` is a zip archive, read by ranges.

Options: for obstore those of `obstore.store.from_url` (`region`, `endpoint`, `access_key_id`, ..., and the
    mappings `client_options`
and `retry_config`); for fsspec those of the file system; for icechunk `branch`, `tag` or `snapshot`, and
those of `icechunk.s3_storage`, `gcs_storage` or `azure_storage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from vczero.chunks.secrets import redact
from vczero.chunks.stores import AnyStore, Backend, open_local
from vczero.errors import MissingDependencyError, OptionError, StoreError, VczeroError

__all__ = ["choose_backend", "local_path", "open_remote", "require", "split_archive"]

_OBSTORE_SCHEMES: Final = frozenset(
    {"http", "https", "s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "memory"}
)


def choose_backend(url: str) -> Backend:
    """The backend that serves a URL if none is asked for.

    >>> [choose_backend(url) for url in ("/x.zarr", "file:///x.zarr", "s3://b/x", "https://h/x?sig=1",
    "ftp://h/x")] ['local', 'local', 'obstore', 'fsspec', 'fsspec']
    """
    parts = _split(url)
    if parts.scheme in ("", "file"):
        return "local"
    if parts.scheme in ("http", "https") and parts.query:
        return "fsspec"  # obstore has no way to keep the query with the keys
    return "obstore" if parts.scheme in _OBSTORE_SCHEMES else "fsspec"


def open_remote(url: str, backend: Backend | None, options: Mapping[str, Any]) -> AnyStore:
    """The store at `url` through `backend`, or through the one that its scheme suggests.

    Raises:
        MissingDependencyError: The backend's package is not installed; the message has the command that
            installs it.
        OptionError: The backend has no such scheme, or the options make no sense to it.
        StoreError: The backend cannot open it.
    """
    backend = backend or choose_backend(url)
    if backend == "local":
        if options:
            raise OptionError("the backend 'local' takes no storage options")
        return open_local(local_path(url))
    if backend == "icechunk":
        from vczero.chunks.icechunks import open_icechunk as open_backend
    elif backend == "obstore":
        from vczero.chunks.objectstores import open_obstore as open_backend
    else:
        from vczero.chunks.filesystems import open_fsspec as open_backend
    try:
        return open_backend(url, dict(options))
    except VczeroError:
        raise
    except Exception as error:
        text = str(error).partition("Debug source")[0]
        name, reason = redact(url), redact(" ".join(text.split()))
        if isinstance(error, OSError):
            raise StoreError(f"{name}: {backend} cannot open it: {reason}", store=name) from error
        raise OptionError(f"{name}: {backend} cannot use this URL with these options: {reason}") from error


def require(package: str, extra: str, what: str) -> ModuleType:
    """The package, imported.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingDependencyError(
            f"{what} needs {package.partition('.')[0]}, which is not installed: pip install 'vczero[{extra}]'"
        ) from error


def split_archive(url: str) -> tuple[str, str | None]:
    """The URL of the store, and the key of the zip archive in it if the URL names one.

    >>> split_archive("s3://bucket/a/x.zip"), split_archive("s3://bucket/a")
    (('s3://bucket/a', 'x.zip'), ('s3://bucket/a', None))
    """
    trimmed = url.rstrip("/")
    folder, _, name = trimmed.rpartition("/")
    if name.lower().endswith(".zip") and not folder.endswith("/"):
        return folder, name
    return trimmed, None


def local_path(url: str) -> str:
    """The path that a `file` URL, or a plain path, names.

    Raises:
        OptionError: The URL names none of this machine.
    """
    parts = _split(url)
    if not parts.scheme:
        return url
    if parts.scheme != "file":
        raise OptionError(f"{redact(url)}: the backend 'local' reads paths and file URLs")
    if parts.netloc not in ("", "localhost"):
        raise OptionError(f"{redact(url)}: a file URL of another host")
    from urllib.request import url2pathname

    return url2pathname(parts.path)


def _split(url: str) -> SplitResult:
    """The parts of a URL; a path, such as C:\\x, has no scheme."""
    if "://" not in url:
        return SplitResult("", "", url, "", "")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise OptionError(f"{redact(url)} is no URL: {error}") from error
