"""Stores behind a URL: which backend serves which scheme, and what its options are.

| scheme | default backend |
| --- | --- |
| `file` | local |
| `http`, `https`, `s3`, `s3a`, `gs`, `az`, `azure`, `abfs`, `abfss`, `memory` | obstore |
| any other | fsspec |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vczero.chunks.secrets import redact
from vczero.chunks.stores import AnyStore, Backend
from vczero.errors import OptionError

__all__ = ["open_remote"]


def open_remote(url: str, backend: Backend | None, options: Mapping[str, Any]) -> AnyStore:
    """The store at `url`."""
    raise OptionError(f"{redact(url)}: no backend for this URL")
