"""Keeps secrets out of what people read: messages, representations, logs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["redact", "redact_options"]

_HIDDEN: Final = "***"
_USER: Final = re.compile(r"(?<=://)[^/\s@?#]*@")
_QUERY: Final = re.compile(r"(?<=[?&])([^=&\s#]+)=[^&\s#'\"]*")
_SECRET_NAME: Final = re.compile(
    r"secret|token|passw|pwd|credential|signature|private|authori[sz]ation|cookie|sas|key", re.IGNORECASE
)
_ASSIGNED: Final = re.compile(
    r"""(?P<name>["']?[\w.-]*(?:secret|token|passw|credential|signature|authorization|access_key|account_key|api_key)[\w.-]*["']?)"""
    r"""(?P<by>\s*[=:]\s*)(?P<value>(?:bearer|basic)\s+\S+|"[^"]*"|'[^']*'|[^\s,;)}\]&]+)""",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` without what may be secret: users in URLs, values in query strings, values assigned to names
    such as `token`.

    >>> redact("https://me:pw@host/a.zarr?sig=abc&v=1 (secret_key='xyz')")
    'https://***@host/a.zarr?sig=***&v=*** (secret_key=***)'
    """
    text = _USER.sub(f"{_HIDDEN}@", text)
    text = _QUERY.sub(rf"\1={_HIDDEN}", text)
    return _ASSIGNED.sub(rf"\g<name>\g<by>{_HIDDEN}", text)


def redact_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """`options` to show: values under secret-sounding names hidden, at any depth; other texts redacted."""
    return {
        name: _HIDDEN if _SECRET_NAME.search(name) else _redact_value(value)
        for name, value in options.items()
    }


def _redact_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return redact_options({str(name): item for name, item in value.items()})
    if isinstance(value, list | tuple):
        return [_redact_value(item) for item in value]
    return redact(value) if isinstance(value, str) else value
