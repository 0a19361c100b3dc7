"""Streams of a cohort of 20,000 samples and 18,000 variants, from every kind of store, beside peers.

Each way consumes batches and takes a checksum of every 100th row; before timing, checksums of all rows were
compared. *numcodecs limit*: numcodecs decoding the same chunks from memory, in as many threads, into buffers
that are used again; nothing that hands out arrays can be expected to beat it with the library's decoder.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import streaming
import vczero
from harness import BenchmarkError, Call, Isolated, Report, Way, compare, program
from stores import store

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
GENOTYPES = ["call_genotype"]
VARIANTS = ["variant_position", "variant_contig", "variant_quality", "variant_AC", "variant_AN", "variant_DP"]
TEXT = ["variant_allele"]
LATENCY_SECONDS = 0.02
CONCURRENCY = 32
DIRECTORY, BYTES = "vczero, directory", "the bytes alone, obstore"


def ours(path: str, fields: Sequence[str], **options: Any) -> Call:
    """vczero in this process."""
    name = options.pop("name", "vczero")
    return Call(name, partial(streaming.vczero, path, fields, options), describe=_figures)


def _figures(answer: Any) -> Mapping[str, str]:
    found: Mapping[str, str] = answer.get("figures", {})
    return found


def same(left: Any, right: Any) -> bool:
    """Equal checksums."""
    return bool(left["checksum"] == right["checksum"])


def zarr_python(path: str, fields: Sequence[str]) -> list[Way]:
    """zarr-python, with its usual pipeline and, where it has it, the fused one."""
    from zarr.core import codec_pipeline

    ways: list[Way] = [Call("zarr.Array.blocks, 32 threads", partial(streaming.zarr_blocks, path, fields))]
    if hasattr(codec_pipeline, "FusedCodecPipeline"):
        ways.append(
            Isolated("the same, fused pipeline", "streaming:zarr_blocks", [path, fields, False, True])
        )
    return ways


def peers(path: str, fields: Sequence[str]) -> list[Way]:
    """Everybody who can read a v2 directory."""
    ways = zarr_python(path, fields)
    if len(fields) == 1:
        for peer in ("tensorstore", "zarrista"):
            if find_spec(peer):
                ways.append(Call(peer, partial(getattr(streaming, peer), path, fields)))
    vcztools = program("vcztools")
    if vcztools:
        python = str(Path(os.path.realpath(Path(vcztools).parent)) / "python")
        ways.append(Isolated("vcztools", "streaming:vcztools", [path, fields], python=python))
    return ways


def check_all(paths: Mapping[str, str]) -> None:
    """All genotypes of all stores are those that zarr-python reads from the first."""
    first, *_ = paths.values()
    expected = streaming.zarr_blocks(first, GENOTYPES, full=True)
    for name, path in paths.items():
        found = streaming.vczero(path, GENOTYPES, {}, full=True)
        if not same(found, expected):
            raise BenchmarkError(f"{name}: vczero and zarr-python read different genotypes")


def all_genotypes(report: Report, paths: Mapping[str, str]) -> None:
    """Each kind of local store; for the v2 directory beside peers and the limit."""
    path = paths["v2 directory"]
    limit = streaming.CodecLimit(Path(path) / "call_genotype", THREADS)
    expected = streaming.vczero(path, GENOTYPES, {})

    def decode() -> Any:
        limit.run()
        return expected

    ways: list[Way] = [ours(path, GENOTYPES), Call("numcodecs limit", decode), *peers(path, GENOTYPES)]
    result = report.add(compare("All genotypes, v2 directory", ways, same=same))
    report.goal(
        "all genotypes, times as fast as the numcodecs limit",
        result.ratio("numcodecs limit", "vczero"),
        at_least=1.5,
    )
    slowest = min(result.median(way) for way in result.costs if way not in ("vczero", "numcodecs limit"))
    report.goal(
        "all genotypes, times as fast as the best peer", slowest / result.median("vczero"), at_least=1
    )
    kinds = [ours(path, GENOTYPES, name=kind) for kind, path in paths.items()]
    by_kind = report.add(compare("All genotypes, by kind of store", kinds, same=same))
    report.goal("zip, of the directory's time", by_kind.ratio("zip", "v2 directory"), at_most=1.1)
    for kind in paths:
        if kind not in ("v2 directory", "zip"):
            theirs = zarr_python(paths[kind], GENOTYPES)
            report.add(compare(f"All genotypes, {kind}", [ours(paths[kind], GENOTYPES), *theirs], same=same))


def variant_columns(report: Report, path: str) -> None:
    """Many small chunks."""
    ways = [ours(path, VARIANTS), *zarr_python(path, VARIANTS)]
    report.add(compare("Variant-only columns", ways, same=same))
    tenfold = str(store("cohort10.vcz"))
    chunks = 10 * 18 * len(VARIANTS)
    options = {"decode_threads": 1}
    ways = [
        Call("vczero", partial(streaming.vczero_batches, tenfold, VARIANTS, options)),
        Call("vczero, with checksums", partial(streaming.vczero, tenfold, VARIANTS, options)),
        *zarr_python(tenfold, VARIANTS),
    ]
    title = f"Variant-only columns of ten cohorts, {chunks} chunks, one worker"
    result = report.add(compare(title, ways, same=lambda left, right: True))
    each = result.median("vczero") / chunks * 1e6
    report.goal("variant-only columns, microseconds per chunk, opening included", each, at_most=60)


SAMPLES = [f"S{number:05d}" for number in range(20_000)]
PARTS: dict[str, dict[str, Any]] = {
    "first five chunks of variants": {"variants": slice(0, 5000)},
    "first chunk of samples": {"samples": SAMPLES[:10_000]},
    "one region": {"regions": [streaming.REGION]},
    "one region, 1 % of samples": {"regions": [streaming.REGION], "samples": SAMPLES[::100]},
}


def parts(report: Report, path: str) -> None:
    """Less than everything, beside zarr-python's own indexing."""
    for title, options in PARTS.items():
        ways = [
            Call("vczero", partial(streaming.vczero, path, GENOTYPES, options, full=True), describe=_figures),
            Call("zarr.Array[...]", partial(streaming.zarr_part, path, title)),
        ]
        report.add(compare(f"Genotypes: {title}", ways, same=same))


@contextmanager
def served(folder: str, latency_seconds: float) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    argv = [sys.executable, str(Path(streaming.__file__)), folder, str(latency_seconds)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def over_http(report: Report, path: str) -> None:
    """With 20 ms of latency; beside the same from the directory, and beside the bytes alone."""
    if not find_spec("obstore"):
        report.goal("HTTP with latency: obstore is not installed", None, at_most=1.3)
        return
    with served(path, LATENCY_SECONDS) as url:
        peer = Call("zarr.Array.blocks, 32 threads", partial(streaming.zarr_blocks, url, GENOTYPES))
        http_task(report, "All genotypes", path, url, GENOTYPES, [peer])
    tenfold = str(store("cohort10.vcz"))
    with served(tenfold, LATENCY_SECONDS) as url:
        http_task(report, "One column of text of ten cohorts", tenfold, url, TEXT, [])


def http_task(
    report: Report, title: str, path: str, url: str, fields: Sequence[str], peers: Sequence[Way]
) -> None:
    """One task over HTTP, and its ratio to the larger of two bounds."""
    from obstore.store import HTTPStore

    store = HTTPStore(url, client_options={"allow_http": True})
    keys = [str(file.relative_to(path)) for file in Path(path, fields[0]).glob("[0-9]*")]
    with vczero.open(url) as remote, vczero.open(path) as local:

        def stream(reader: Any) -> Any:
            batches = reader.variant_chunks(fields)
            total = streaming.checksum([batch[fields[0]]] for batch in batches)
            return {"checksum": total, "figures": {"requests": str(batches.statistics().requests)}}

        expected = stream(local)

        def bytes_alone() -> Any:
            streaming.fetch_all(store, keys, CONCURRENCY)
            return expected

        ways: list[Way] = [
            Call("vczero, open reader", partial(stream, remote), describe=_figures),
            ours(url, fields, name="vczero, opening included"),
            Call(DIRECTORY, partial(stream, local)),
            Call(BYTES, bytes_alone),
            *peers,
        ]
        result = report.add(compare(f"{title} over HTTP, 20 ms of latency", ways, same=same))
    latency_bound = -(-len(keys) // CONCURRENCY) * LATENCY_SECONDS
    decode_bound = result.median(DIRECTORY)
    fetch_seconds = result.median(BYTES)
    work = sum(median(cost.cpu for cost in result.costs[way]) for way in (DIRECTORY, BYTES)) / THREADS
    least = max(latency_bound, LATENCY_SECONDS + work)
    report.note(
        f"{len(keys)} requests, {CONCURRENCY} at a time: latency bound {latency_bound * 1e3:.0f} ms (obstore "
        f"by itself: {fetch_seconds * 1e3:.0f} ms); decode bound, the directory in the same rounds: "
        f"{decode_bound * 1e3:.0f} ms. Nothing can be decoded before the first answer: {least * 1e3:.0f} ms "
        "are the latency bound or, if more, one round trip and the CPU of directory and bytes on all cores; "
        "the server shares the cores. Opening takes three round trips."
    )
    seconds = result.median("vczero, open reader")
    if decode_bound > latency_bound:
        report.goal(f"HTTP, {title.lower()}, of the larger bound", seconds / decode_bound, at_most=1.3)
    else:
        report.goal(f"HTTP, {title.lower()}, of the bytes alone", seconds / fetch_seconds, at_most=1.3)


@contextmanager
def s3(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A moto server with the store in a bucket: URL and storage options."""
    from moto.server import ThreadedMotoServer
    from obstore.store import S3Store

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line on each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        options: dict[str, Any] = {
            "endpoint": f"http://{host}:{port}",
            "access_key_id": "a",
            "secret_access_key": "b",
            "region": "us-east-1",
            "client_options": {"allow_http": True},
        }
        import urllib.request

        urllib.request.urlopen(urllib.request.Request(f"{options['endpoint']}/bench", method="PUT")).close()
        bucket = S3Store("bench", prefix="cohort.vcz", **options)
        for file in folder.rglob("*"):
            if file.is_file():
                bucket.put(file.relative_to(folder).as_posix(), file.read_bytes())
        yield "s3://bench/cohort.vcz", options
    finally:
        server.stop()


def remote_kinds(report: Report, path: str) -> None:
    """obstore on files, S3 on loopback, icechunk on local disk."""
    ways: list[Way] = [ours(path, GENOTYPES, name="v2 directory")]
    if find_spec("obstore"):
        ways.append(ours(path, GENOTYPES, name="obstore on files", backend_storage="obstore"))
    if find_spec("icechunk"):
        repository = str(store("cohort.icechunk"))
        ways.append(ours(repository, GENOTYPES, name="icechunk on files", backend_storage="icechunk"))
    if not (find_spec("moto") and find_spec("obstore")):
        report.add(compare("All genotypes, other backends", ways, same=same))
        return
    with s3(Path(path)) as (url, options):
        ways.append(ours(url, GENOTYPES, name="S3 (moto, loopback)", storage_options=options))
        report.add(compare("All genotypes, other backends", ways, same=same))


def memory(report: Report) -> None:
    """Peaks of whole processes: the store, and one ten times larger."""
    options = {"readahead_bytes": 64 * 2**20}
    runs: list[tuple[str, str, list[str]]] = [
        ("imports and opening alone", "cohort.vcz", []),
        ("the cohort", "cohort.vcz", GENOTYPES),
        ("ten times the variants", "cohort10.vcz", GENOTYPES),
    ]
    ways = [
        Isolated(name, "streaming:vczero", [str(store(where)), fields, options])
        for name, where, fields in runs
    ]
    result = report.add(
        compare("Peak memory with 64 MiB of readahead", ways, same=lambda left, right: True, rounds=3)
    )
    peaks = {name: max(cost.peak or 0 for cost in costs) for name, costs in result.costs.items()}
    base = peaks["imports and opening alone"]
    batch = 1000 * 20_000 * 2
    for name in ("the cohort", "ten times the variants"):
        allowed = base + options["readahead_bytes"] + 2 * batch
        report.goal(f"{name}: peak, of base + readahead + two batches", peaks[name] / allowed, at_most=1)


def main() -> None:
    """All tasks."""
    report = Report("Streams", __doc__ or "")
    names = {
        "v2 directory": "cohort.vcz",
        "v3 directory": "cohort.v3.vcz",
        "sharded": "cohort.sharded.vcz",
        "zip": "cohort.vcz.zip",
    }
    paths = {kind: str(store(name)) for kind, name in names.items()}
    check_all(paths)
    all_genotypes(report, paths)
    variant_columns(report, paths["v2 directory"])
    parts(report, paths["v2 directory"])
    over_http(report, paths["v2 directory"])
    remote_kinds(report, paths["v2 directory"])
    memory(report)
    report.finish()


if __name__ == "__main__":
    main()
