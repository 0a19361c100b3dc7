"""Every error that a user of vczero can cause, in one tree.

    VczeroError
    ├── StoreError (OSError)                  the store could not be read: names store and key
    │   └── StoreNotFoundError (FileNotFoundError)
    ├── MetadataError (ValueError)            a metadata document is malformed: names array or key
    ├── UnsupportedError (NotImplementedError) valid Zarr that vczero does not read: names array and feature
    ├── ChunkError (ValueError)               stored bytes do not decode: names array, chunk and key
    ├── NotVczError (ValueError)              a Zarr group, but not a VCZ store
    ├── FieldNotFoundError (KeyError)         no such field: names it, and near names
    ├── SelectionError (ValueError)           samples, regions, targets or indexes that make no sense
    ├── ExpressionError (ValueError)          a filter or query format: carries text and position
    ├── OptionError (ValueError)              a parameter out of its range, or two that contradict
    ├── RecordError (ValueError)              a record that the output's format cannot hold: names it
    ├── OutputError (OSError)                 the output cannot be written
    └── MissingDependencyError (ImportError)  an optional package is absent: carries the pip command

The stdlib parents are those that a caller would expect to catch. Messages are one line and say what is wrong,
where, and what to do. The data they name is also on the exception as attributes.
"""

from __future__ import annotations

__all__ = [
    "ChunkError",
    "ExpressionError",
    "FieldNotFoundError",
    "MetadataError",
    "MissingDependencyError",
    "NotVczError",
    "OptionError",
    "OutputError",
    "RecordError",
    "SelectionError",
    "StoreError",
    "StoreNotFoundError",
    "UnsupportedError",
    "VczeroError",
]


class VczeroError(Exception):
    """The root of vczero's errors; the command line catches this and nothing else."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class StoreError(VczeroError, OSError):
    """A store, or one key of it, could not be read."""

    def __init__(self, message: str, *, store: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.store = store
        self.key = key


class StoreNotFoundError(StoreError, FileNotFoundError):
    """There is no store at the given place."""


class MetadataError(VczeroError, ValueError):
    """A metadata document is malformed."""

    def __init__(self, message: str, *, array: str | None = None, key: str | None = None) -> None:
        super().__init__(message)
        self.array = array
        self.key = key


class UnsupportedError(VczeroError, NotImplementedError):
    """Valid Zarr that vczero does not read."""

    def __init__(self, message: str, *, array: str | None = None, feature: str | None = None) -> None:
        super().__init__(message)
        self.array = array
        self.feature = feature


class ChunkError(VczeroError, ValueError):
    """The stored bytes of a chunk do not decode to what the metadata promises."""

    def __init__(
        self,
        message: str,
        *,
        array: str | None = None,
        coords: tuple[int, ...] | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.array = array
        self.coords = coords
        self.key = key


class NotVczError(VczeroError, ValueError):
    """A Zarr group that is not a VCZ store."""


class FieldNotFoundError(VczeroError, KeyError):
    """The store has no such field."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class SelectionError(VczeroError, ValueError):
    """Samples, regions, targets or indexes that cannot be selected."""


class ExpressionError(VczeroError, ValueError):
    """A filter expression or query format that cannot be understood."""

    def __init__(self, message: str, *, text: str | None = None, position: int | None = None) -> None:
        super().__init__(message)
        self.text = text
        self.position = position


class OptionError(VczeroError, ValueError):
    """A parameter is out of its range, or two contradict each other."""


class RecordError(VczeroError, ValueError):
    """A record, or the call of one of its samples, that the output's format cannot hold.

    Attributes:
        variant: its number in the store; None where it is not about one record.
        sample: the sample's name, if it is about one.
    """

    def __init__(self, message: str, *, variant: int | None = None, sample: str | None = None) -> None:
        super().__init__(message)
        self.variant = variant
        self.sample = sample


class OutputError(VczeroError, OSError):
    """The output cannot be written."""


class MissingDependencyError(VczeroError, ImportError):
    """An optional package is needed and absent."""
