"""The public names of the package: all there, and nothing loaded before it is used."""

from __future__ import annotations

import pytest

import vczero


@pytest.mark.parametrize("name", vczero.__all__)
def test_every_public_name_can_be_used(name: str) -> None:
    """Lazy names are found by a table, and a table can be wrong."""
    value = getattr(vczero, name)
    assert value.__module__.startswith("vczero.")
    assert name in dir(vczero)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As in any module, so that hasattr and tools work."""
    with pytest.raises(AttributeError, match=r"vczero.*no attribute 'nothing'"):
        _ = vczero.nothing
