"""What a store has, read when it is first needed and in few requests.

A Zarr v3 store costs one document for the root (with consolidated metadata: for everything) and one per
array. A v2 store costs `.zmetadata`, and where that is absent `.zarray` per array; `.zattrs` is read only
where name and shape leave the axes open, or where attributes are asked for. Nothing is listed until all
names are asked for. Of an asynchronous store, what will be needed is asked for at once (`prepare`): there,
each request that waits for another costs a round trip.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Literal, Protocol, TypeVar

from vczero.chunks.blocks import BlockReader, EncodedChunk
from vczero.chunks.metadata import (
    ArrayMeta,
    GroupMeta,
    parse_consolidated_v2,
    parse_group_v3,
    parse_v2,
    parse_v3,
)
from vczero.chunks.stores import AnyStore, Buffer, Fetch, Request
from vczero.errors import MetadataError, NotVczError, StoreError
from vczero.vcz.assembly import assemble
from vczero.vcz.layout import ColumnRead, lay_out, split_runs
from vczero.vcz.plan import StoredArray
from vczero.vcz.schema import Column, guess_dims, unknown_field

__all__ = ["Catalog", "Fetcher"]

T = TypeVar("T")
POSITION = "variant_position"


class Fetcher(Protocol):
    """What runs the I/O: `Runtime`."""

    def fetch_all(self, store: AnyStore, fetches: Sequence[Fetch[T]]) -> list[T]:
        """What each returns."""

    def list_dir(self, store: AnyStore, prefix: str) -> Sequence[str]:
        """The names directly under `prefix`."""


class Catalog:
    """The arrays of one store. What has been read is kept; several threads may ask at once.

    Raises:
        NotVczError: the store is no VCF Zarr store; says what is missing.
        MetadataError: a document is malformed.
        StoreError: the store cannot be read.
    """

    def __init__(self, store: AnyStore, fetcher: Fetcher) -> None:
        self.store = store
        self._fetcher = fetcher
        self._metas: dict[str, ArrayMeta] = {}
        self._absent: set[str] = set()
        self._arrays: dict[str, StoredArray] = {}
        self._names: frozenset[str] | None = None
        self._contents: dict[str, Column] = {}
        self._prepared: set[str] = set()
        self._group = self._read_root()
        self.prepare([POSITION, "sample_id"])
        if not self._load([POSITION]):
            raise self._fetch(_not_vcz(store.name, self._group))
        if len(self._metas[POSITION].shape) != 1:
            raise NotVczError(
                f"{store.name}: {POSITION} has {len(self._metas[POSITION].shape)} axes, not one"
            )

    @property
    def num_variants(self) -> int:
        """The length of the variants axis."""
        return self._metas[POSITION].shape[0]

    @property
    def num_samples(self) -> int:
        """The length of the samples axis; 0 where the store has no `sample_id`."""
        return self._metas["sample_id"].shape[0] if self._load(["sample_id"]) else 0

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Of the root."""
        if self._group.attributes is None:
            attributes = self._fetch(_read_attributes("", self.store.name))
            self._group = replace(self._group, attributes=attributes)
        return self._group.attributes or {}

    @property
    def names(self) -> frozenset[str]:
        """Of all arrays at the root.

        Raises:
            UnsupportedError: the store has no consolidated metadata and cannot list.
        """
        if self._names is None:
            members = self._group.members
            if members is not None:
                self._names = frozenset(name for name in members if "/" not in name)
            else:
                found = self._fetcher.list_dir(self.store, "")
                self._names = frozenset(n for n in found if not n.startswith(".") and n != "zarr.json")
        return self._names

    @property
    def known_names(self) -> frozenset[str]:
        """Names of arrays as far as they are known without listing; empty where they are not."""
        return frozenset(self._names or self._group.members or ())

    def has(self, name: str) -> bool:
        """Whether the store has the array."""
        return bool(self._load([name]))

    def meta(self, name: str) -> ArrayMeta:
        """An array's metadata.

        Raises:
            FieldNotFoundError: there is none; near names are named where that costs no listing.
        """
        self.metas([name])
        return self._metas[name]

    def metas(self, names: Iterable[str], *, attributes: bool = False) -> None:
        """Read what is not known yet of several arrays, at once."""
        names = list(dict.fromkeys(names))
        found = self._load(names)
        for name in names:
            if name not in found:
                known = self._names or self._group.members or self._metas
                raise unknown_field(name, known)
        if attributes:
            self._complete([name for name in names if self._metas[name].attributes is None])

    def prepare(self, names: Iterable[str], contents: Iterable[str] = ()) -> None:
        """Have an asynchronous store asked, at once, for metadata that will be needed, and for the whole
        `contents` of small arrays, which `read` then gives. What it lacks is left out.
        """
        if self.store.synchronous:
            return
        whole = [name for name in contents if name not in self._prepared]
        self._prepared.update(whole)
        names = [*names, *whole]
        if self._group.members is not None:
            self._load(names)
        with suppress(StoreError):  # it will come again when the answer is needed, if it is
            self._contents |= self._read([name for name in whole if name in self._metas], names)
            late = [name for name in whole if name in self._metas and name not in self._contents]
            self._contents |= self._read(late)

    def arrays(self, names: Iterable[str]) -> dict[str, StoredArray]:
        """Arrays by name, with the names of their axes.

        Raises:
            FieldNotFoundError: there is none of a name.
        """
        names = list(dict.fromkeys(names))
        missing = [name for name in names if name not in self._arrays]
        if missing:
            need_samples = any(name.startswith("call_") for name in missing)
            self._load([*missing, "sample_id"] if need_samples else missing)
            self.metas(missing)
            self._complete([name for name in missing if self.dims(name) is None])
            for name in missing:
                meta = self._metas[name]
                dims = self.dims(name) or ("",) * meta.ndim
                self._check_lengths(meta, dims)
                self._arrays[name] = StoredArray(name, BlockReader(meta, self.store), dims)
        return {name: self._arrays[name] for name in names}

    def read(self, name: str) -> Column:
        """A whole array, read now; for the small arrays that have no variants axis.

        Raises:
            FieldNotFoundError: there is none of that name.
        """
        self._prepared.add(name)
        found = self._contents.pop(name, None)
        if found is None:
            self.metas([name])
            found = self._read([name])[name]
        return found

    def _read(self, names: Iterable[str], metas: Iterable[str] = ()) -> dict[str, Column]:
        """Whole arrays of known metadata; unknown metadata of others are fetched with them."""
        arrays = {name: _WholeArray(self._metas[name], self.store) for name in names}
        unknown = self._unknown(metas)
        fetches: list[Fetch[Any]] = [_read_array(name, self._group.zarr_format) for name in unknown]
        for array in arrays.values():
            fetches += array.fetches()
        found = iter(self._fetcher.fetch_all(self.store, fetches))
        self._learn({name: next(found) for name in unknown})
        return {name: array.column(found) for name, array in arrays.items()}

    def _check_lengths(self, meta: ArrayMeta, dims: tuple[str, ...]) -> None:
        """Every array must have the axes that positions and sample names have."""
        lengths = {"variants": self.num_variants}
        if "samples" in dims and self.has("sample_id"):
            lengths["samples"] = self.num_samples
        for dim, length in zip(dims, meta.shape, strict=True):
            if length != lengths.get(dim, length):
                message = f"{self.store.name}: array {meta.name} has {length} {dim}, the store {lengths[dim]}"
                raise MetadataError(message, array=meta.name)

    def dims(self, name: str) -> tuple[str, ...] | None:
        """The axes' names as far as they are known; None where `.zattrs` has to tell them."""
        meta = self._metas[name]
        if meta.dimension_names is not None:
            return tuple(dim or "" for dim in meta.dimension_names)
        if meta.attributes is not None or name == "sample_id":
            return ("",) * meta.ndim
        unclear = name.startswith("variant_") and meta.ndim > 1
        num_samples = self.num_samples if unclear or name.startswith("call_") else 0
        return guess_dims(name, meta.shape, self.num_variants, num_samples)

    def _load(self, names: Iterable[str]) -> frozenset[str]:
        """Read the metadata of those arrays that are not known; the names of those that exist."""
        names = frozenset(names)
        unknown = self._unknown(names)
        members = self._group.members
        if members is not None:
            self._learn({name: members.get(name) for name in unknown})
        elif unknown:
            reads = [_read_array(name, self._group.zarr_format) for name in unknown]
            self._learn(dict(zip(unknown, self._fetcher.fetch_all(self.store, reads), strict=True)))
        return names - self._absent

    def _unknown(self, names: Iterable[str]) -> list[str]:
        return sorted(frozenset(names) - self._metas.keys() - self._absent)

    def _learn(self, found: Mapping[str, ArrayMeta | None]) -> None:
        self._absent.update(name for name, meta in found.items() if meta is None)
        self._metas.update((name, meta) for name, meta in found.items() if meta is not None)

    def _complete(self, names: Sequence[str]) -> None:
        """Read the attributes of v2 arrays."""
        reads = [_read_attributes(name, self.store.name) for name in names]
        for name, attributes in zip(names, self._fetcher.fetch_all(self.store, reads), strict=True):
            meta = self._metas[name]
            self._metas[name] = parse_v2(name, meta.document, attributes)

    def _read_root(self) -> GroupMeta:
        """The root group: v3, v2 consolidated, or v2 of which nothing is known yet."""
        keys = ("zarr.json", ".zmetadata")
        if not self.store.synchronous:
            try:
                return self._root_of(keys)
            except StoreError as error:
                if error.key != ".zmetadata":
                    raise  # that one may be forbidden because it is absent, and need not be there
        for key in keys:
            root = self._root_of([key])
            if root.members is not None or root.zarr_format == 3:
                return root
        return root

    def _root_of(self, keys: Sequence[str]) -> GroupMeta:
        """The root group by the first of these documents that there is, asked for at once."""
        documents = self._fetcher.fetch_all(self.store, [_document(key) for key in keys])
        for key, document in zip(keys, documents, strict=True):
            if document is not None:
                return _root(key, document, self.store.name)
        return GroupMeta("", 2, None)

    def _fetch(self, fetch: Fetch[T]) -> T:
        return self._fetcher.fetch_all(self.store, [fetch])[0]


class _WholeArray:
    """An array that is read at once: the fetches of its chunks, and the column made of what they give."""

    def __init__(self, meta: ArrayMeta, store: AnyStore) -> None:
        self._reader = BlockReader(meta, store)
        self._reads: list[ColumnRead] = []
        if meta.ndim:
            self._layout = lay_out(meta.name, self._reader, ("",) * meta.ndim, None)
            parts = split_runs([(0, meta.shape[0])], chunk_rows=meta.chunk_shape[0], num_rows=meta.shape[0])
            self._reads = list(self._layout.reads(parts))

    def fetches(self) -> list[Fetch[Any]]:
        """One for each chunk."""
        if not self._reader.meta.ndim:
            return [self._reader.requests(())]
        return [self._reader.requests(read.coords) for read in self._reads]

    def column(self, encoded: Iterator[EncodedChunk]) -> Column:
        """The array, from what each fetch gave; takes no more from the iterator than its own."""
        if not self._reader.meta.ndim:
            return self._reader.decode(next(encoded))
        parts = [(read, self._reader.decode(next(encoded))) for read in self._reads]
        return assemble(self._layout, self._reader.meta.shape[0], parts)


def _document(key: str) -> Fetch[Any]:
    return (yield Request(key))


def _root(key: str, document: Any, store: str) -> GroupMeta:
    """The root group from v3's document, or v2's consolidated one."""
    parsed = _json(document, key, store)
    if key == ".zmetadata":
        return parse_consolidated_v2("", parsed)
    if parsed.get("node_type") == "array":
        raise NotVczError(f"{store}: a Zarr array, not a group with {POSITION} in it")
    return parse_group_v3("", parsed)


def _read_array(name: str, zarr_format: Literal[2, 3]) -> Fetch[ArrayMeta | None]:
    """An array's metadata (v2: without attributes); None where there is no such array."""
    if zarr_format == 2:
        document = yield Request(f"{name}/.zarray")
        return None if document is None else parse_v2(name, _whole(document), None)
    document = yield Request(f"{name}/zarr.json")
    if document is None or _json(document, f"{name}/zarr.json", name).get("node_type") == "group":
        return None
    return parse_v3(name, _whole(document))


def _read_attributes(name: str, store: str) -> Fetch[Mapping[str, Any]]:
    """A node's `.zattrs`, empty where there is none."""
    key = f"{name}/.zattrs" if name else ".zattrs"
    document = yield Request(key)
    return {} if document is None else _json(document, key, store)


def _not_vcz(store: str, group: GroupMeta) -> Fetch[NotVczError]:
    """The error for a store without `variant_position`: says whether it is a Zarr store at all."""
    if group.zarr_format == 3 or group.members is not None:
        return NotVczError(f"{store}: a Zarr group, but not a VCF Zarr store: it has no array {POSITION}")
    if (yield Request(".zgroup")) is not None:
        return NotVczError(f"{store}: a Zarr group, but not a VCF Zarr store: it has no array {POSITION}")
    if (yield Request(".zarray")) is not None:
        return NotVczError(f"{store}: a Zarr array, not a group with {POSITION} in it")
    return NotVczError(f"{store}: not a Zarr store: it has neither zarr.json nor .zgroup")


def _json(document: Any, key: str, store: str) -> Mapping[str, Any]:
    try:
        parsed = json.loads(bytes(_whole(document)))
    except (ValueError, RecursionError) as error:
        raise MetadataError(f"{store}: {key} is not JSON: {error}", key=key) from error
    if not isinstance(parsed, dict):
        raise MetadataError(f"{store}: {key} is not a JSON object", key=key)
    return parsed


def _whole(reply: Any) -> Buffer:
    assert not isinstance(reply, list)
    buffer: Buffer = reply
    return buffer
