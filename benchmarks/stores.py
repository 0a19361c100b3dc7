"""Make the stores that benchmarks read, outside the repository: `python benchmarks/stores.py [NAME ...]`.

They go to the folder `VCZERO_BENCH_DIR` (default `.bench/` in the repository, ignored by git), each made once
and from the one before it, so that all hold the same data:

    cohort.bcf          20,000 samples x 18,000 variants simulated by msprime, phased, none missing
    cohort.vcz          what bio2zarr makes of it: Zarr v2 directory, chunks of 1000 x 10,000
    cohort.v3.vcz       the same arrays and codecs in Zarr v3
    cohort.sharded.vcz  the same in shards of 6 chunks by all samples
    cohort.vcz.zip      cohort.vcz in one zip file, stored
    cohort10.vcz        cohort.vcz ten times over by hard links: for memory and long runs, not for regions
    cohort10.bcf        cohort.bcf ten times over: the same records; positions repeat, so there is no index
    cohort.icechunk     cohort.v3.vcz in an icechunk repository
    rich.bcf, rich.vcz  20,000 samples x 2,000 variants with GT, AD, DP, GQ, PL, unphased, 2 % missing

Needs bcftools, and the dependency group `benchmarks`. All of them take about 4 GB and some minutes.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

COHORT_SAMPLES, COHORT_VARIANTS = 20_000, 18_000
RICH_SAMPLES, RICH_VARIANTS = 20_000, 2_000
SEED = 20
TILES = 10
SHARD_CHUNKS = 6

COHORT_HEADER = """\
##fileformat=VCFv4.3
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=q20,Description="Quality below 20">
##contig=<ID=20,length=64444167>
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Allele number">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In a database">
##INFO=<ID=CSQ,Number=1,Type=String,Description="Consequence">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
"""
RICH_HEADER = (
    COHORT_HEADER
    + """\
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depth per allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Scaled likelihoods">
"""
)
CONSEQUENCES = (
    "synonymous_variant",
    "missense_variant",
    "intron_variant",
    "stop_gained",
    "intergenic_variant",
)


def folder() -> Path:
    """Where the stores are."""
    default = Path(__file__).resolve().parent.parent / ".bench"
    return Path(os.environ.get("VCZERO_BENCH_DIR", default))


def store(name: str) -> Path:
    """The path of the store or file `name`, made if it is not there yet."""
    path = folder() / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        print(f"making {path}", file=sys.stderr)
        partial = path.with_name("partial." + name)
        _remove(partial)
        MAKERS[name](partial)
        partial.rename(path)
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_bcf(path: Path, header: str, samples: int, lines: Iterable[bytes]) -> None:
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
    columns += [f"S{number:05d}" for number in range(samples)]
    writer = subprocess.Popen(
        ["bcftools", "view", "--no-version", "-Ob", "-o", str(path), "-"], stdin=subprocess.PIPE
    )
    assert writer.stdin is not None
    writer.stdin.write((header + "\t".join(columns) + "\n").encode())
    for line in lines:
        writer.stdin.write(line)
    writer.stdin.close()
    if writer.wait():
        raise RuntimeError(f"bcftools could not write {path}")
    final = path.with_name(path.name.removeprefix("partial."))
    subprocess.run(["bcftools", "index", "-f", "-o", f"{final}.csi", str(path)], check=True)


def _fixed_fields(
    rng: np.random.Generator,
    position: int,
    number: int,
    alleles: tuple[str, ...],
    counts: list[int],
    total: int,
) -> str:
    quality = float(rng.integers(100, 10_000)) / 10
    info = [
        "AC=" + ",".join(map(str, counts)),
        f"AN={total}",
        "AF=" + ",".join(f"{count / max(total, 1):.6g}" for count in counts),
        f"DP={int(rng.poisson(60_000))}",
    ]
    if rng.random() < 0.3:
        info.append("DB")
    info.append(f"CSQ={CONSEQUENCES[int(rng.integers(len(CONSEQUENCES)))]}|GENE{number // 50}")
    name = f"rs{1_000_000 + 7 * number}" if rng.random() < 0.9 else "."
    fields = ["20", str(position), name, alleles[0], ",".join(alleles[1:]), f"{quality:g}"]
    return "\t".join([*fields, "PASS" if quality >= 20 else "q20", ";".join(info)])


def _cohort_lines() -> Iterator[bytes]:
    import msprime

    trees = msprime.sim_ancestry(
        COHORT_SAMPLES,
        population_size=10_000,
        sequence_length=4.6e6,
        recombination_rate=1e-8,
        random_seed=SEED,
    )
    trees = msprime.sim_mutations(trees, rate=1e-8, random_seed=SEED)
    rng = np.random.default_rng(SEED)
    made = 0
    for variant in trees.variants():
        alleles = tuple(variant.alleles)
        genotypes = variant.genotypes.astype(np.uint8)
        counts = np.bincount(genotypes, minlength=len(alleles)).tolist()
        if variant.site.position < 1 or len(alleles) < 2:
            continue
        text = np.empty((COHORT_SAMPLES, 4), np.uint8)
        text[:, 0], text[:, 2] = genotypes[0::2] + ord("0"), genotypes[1::2] + ord("0")
        text[:, 1], text[:, 3] = ord("|"), ord("\t")
        text[-1, 3] = ord("\n")
        start = _fixed_fields(rng, int(variant.site.position), made, alleles, counts[1:], 2 * COHORT_SAMPLES)
        yield start.encode() + b"\tGT\t" + text.tobytes()
        made += 1
        if made == COHORT_VARIANTS:
            return
    raise RuntimeError(f"the simulation gave {made} variants, fewer than {COHORT_VARIANTS}")


def _rich_lines() -> Iterator[bytes]:
    rng = np.random.default_rng(SEED)
    position = 60_000
    for number in range(RICH_VARIANTS):
        position += int(rng.integers(1, 400))
        reference, *others = rng.permutation(list("ACGT")).tolist()
        alleles = (reference, *others[: 2 if rng.random() < 0.05 else 1])
        frequencies = rng.dirichlet([4.0, *[0.3] * (len(alleles) - 1)])
        genotypes = np.sort(rng.choice(len(alleles), (RICH_SAMPLES, 2), p=frequencies), axis=1)
        missing = rng.random(RICH_SAMPLES) < 0.02
        called = genotypes[~missing]
        counts = np.bincount(called.ravel(), minlength=len(alleles)).tolist()
        start = _fixed_fields(rng, position, number, alleles, counts[1:], called.size)
        cells = _rich_cells(rng, genotypes, missing, len(alleles))
        yield (start + "\tGT:AD:DP:GQ:PL\t" + "\t".join(cells) + "\n").encode()


def _rich_cells(
    rng: np.random.Generator, genotypes: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_], alleles: int
) -> list[str]:
    chance = np.full((len(genotypes), alleles), 0.004)
    rows = np.arange(len(genotypes))
    for column in (0, 1):
        chance[rows, genotypes[:, column]] += 0.5
    depths = rng.poisson(32.0 * chance)
    quality = np.minimum(99, 3 * depths.sum(1) + rng.integers(0, 5, len(genotypes)))
    pairs = [(low, high) for high in range(alleles) for low in range(high + 1)]
    apart = np.stack([abs(genotypes - np.array(pair)).sum(1) for pair in pairs], axis=1)
    likelihoods = apart * (depths.sum(1)[:, None] * 12 + rng.integers(0, 30, apart.shape))
    cells = []
    for absent, pair, depth, gq, pl in zip(
        missing.tolist(),
        genotypes.tolist(),
        depths.tolist(),
        quality.tolist(),
        likelihoods.tolist(),
        strict=True,
    ):
        if absent:
            cells.append("./.:.:.:.:.")
            continue
        each, phred = ",".join(map(str, depth)), ",".join(map(str, pl))
        cells.append(f"{pair[0]}/{pair[1]}:{each}:{sum(depth)}:{gq}:{phred}")
    return cells


def _convert(bcf: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        # A process of its own: bio2zarr starts workers and changes global settings of zarr and numcodecs.
        source = store(bcf)
        code = "import sys; from bio2zarr import vcf; vcf.convert([sys.argv[1]], sys.argv[2])"
        subprocess.run([sys.executable, "-c", code, str(source), str(path)], check=True)

    return make


def _copy_v3(*, sharded: bool) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        _copy_group(path, sharded=sharded)

    return make


def _icechunk(path: Path) -> None:
    import icechunk

    session = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path))).writable_session(
        "main"
    )
    _copy_group(session.store, sharded=False)
    session.commit("the cohort")


def _copy_group(where: Any, *, sharded: bool) -> None:
    import zarr

    source = zarr.open_group(store("cohort.vcz"), mode="r")
    target = zarr.create_group(where, zarr_format=3, attributes=dict(source.attrs))
    for name, array in source.arrays():
        _copy_array(target, name, array, sharded=sharded)


def _copy_array(target: Any, name: str, array: Any, *, sharded: bool) -> None:
    attributes = dict(array.attrs)
    dimensions = attributes.pop("_ARRAY_DIMENSIONS")
    shards = None
    if sharded and dimensions[0] == "variants":
        others = [-(-size // chunk) * chunk for size, chunk in zip(array.shape, array.chunks, strict=True)][
            1:
        ]
        shards = (array.chunks[0] * SHARD_CHUNKS, *others)
    copy = target.create_array(
        name,
        shape=array.shape,
        chunks=array.chunks,
        shards=shards,
        dtype=str if array.dtype.kind in "OT" else array.dtype,
        compressors=_v3_compressors(array),
        dimension_names=dimensions,
        attributes=attributes,
    )
    rows = (shards or array.chunks)[0] if array.ndim else 1
    for first in range(0, array.shape[0] if array.ndim else 0, max(rows, 1)):
        copy[first : first + rows] = array[first : first + rows]


def _v3_compressors(array: Any) -> Any:
    from zarr.codecs import BloscCodec

    compressor = array.compressors[0]
    shuffle = {0: "noshuffle", 1: "shuffle", 2: "bitshuffle"}[compressor.shuffle]
    return BloscCodec(
        cname=compressor.cname, clevel=compressor.clevel, shuffle=shuffle, typesize=array.dtype.itemsize
    )


def _zip(path: Path) -> None:
    source = store("cohort.vcz")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(source).as_posix())


def _tile(path: Path) -> None:
    source = store("cohort.vcz")
    for file in sorted(source.rglob("*")):
        target = path / file.relative_to(source)
        if file.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        meta = file.parent / ".zarray"
        document = json.loads(meta.read_text()) if meta.exists() else None
        if document is None or not file.parent.name.startswith(("variant_", "call_")):
            shutil.copy(file, target)
        elif file.name == ".zarray":
            document["shape"][0] *= TILES
            target.write_text(json.dumps(document))
        elif file.name.startswith("."):
            shutil.copy(file, target)
        else:
            first, *others = file.name.split(".")
            chunks = -(-document["shape"][0] // document["chunks"][0])
            for tile in range(TILES):
                name = ".".join([str(int(first) + tile * chunks), *others])
                (target.parent / name).hardlink_to(file)


def _repeat_bcf(path: Path) -> None:
    """The cohort's compressed records, as often as `_tile` repeats its chunks."""
    again = [str(store("cohort.bcf"))] * TILES
    subprocess.run(["bcftools", "concat", "--naive", "-o", str(path), *again], check=True)


def _say_older(path: Path) -> None:
    """The cohort's store, but for the version that it says it is of: 0.4, which has no other arrays."""
    shutil.copytree(store("cohort.vcz"), path, copy_function=os.link)
    attributes = path / ".zattrs"
    document = json.loads(attributes.read_text())
    attributes.unlink()
    attributes.write_text(json.dumps({**document, "vcf_zarr_version": "0.4"}))


MAKERS: dict[str, Callable[[Path], None]] = {
    "cohort.bcf": lambda path: _write_bcf(path, COHORT_HEADER, COHORT_SAMPLES, _cohort_lines()),
    "cohort.vcz": _convert("cohort.bcf"),
    "cohort.v3.vcz": _copy_v3(sharded=False),
    "cohort.sharded.vcz": _copy_v3(sharded=True),
    "cohort.vcz.zip": _zip,
    "cohort10.vcz": _tile,
    "cohort10.bcf": _repeat_bcf,
    "cohort.v04.vcz": _say_older,
    "cohort.icechunk": _icechunk,
    "rich.bcf": lambda path: _write_bcf(path, RICH_HEADER, RICH_SAMPLES, _rich_lines()),
    "rich.vcz": _convert("rich.bcf"),
}


if __name__ == "__main__":
    for wanted in sys.argv[1:] or MAKERS:
        print(store(wanted))
