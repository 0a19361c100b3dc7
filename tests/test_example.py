"""The bundled example: that it is what its script makes, and that it has what it is said to have."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr

import make_example


def test_the_vcf_is_what_the_script_makes(example_vcf: Path) -> None:
    """An example that nobody can make again cannot be changed."""
    assert gzip.decompress(example_vcf.read_bytes()).decode() == make_example.vcf_text()


@pytest.mark.filterwarnings("ignore")  # what the converter and its libraries warn of is not ours
def test_the_store_is_what_bio2zarr_makes_of_the_vcf(
    example_vcf: Path, example_store: Path, tmp_path: Path
) -> None:
    """Array by array: with a store that had drifted from its VCF, no comparison with bcftools would hold."""
    pytest.importorskip("bio2zarr")
    make_example.convert(example_vcf, tmp_path / "fresh.vcz")
    fresh = zarr.open_group(tmp_path / "fresh.vcz", mode="r")
    bundled = zarr.open_group(zarr.storage.ZipStore(example_store, mode="r"), mode="r")
    assert sorted(bundled.array_keys()) == sorted(fresh.array_keys())
    for name, array in fresh.arrays():
        assert bundled[name].chunks == array.chunks, name
        assert bundled[name].attrs.asdict() == array.attrs.asdict(), name
        ours, theirs = bundled[name][...], array[...]
        if name == "call_genotype_phased":
            # Where all calls of a record are haploid, bio2zarr 0.2.1 stores what was in memory (observed).
            haploid = fresh["call_genotype"][..., 1] == -2
            ours[haploid] = theirs[haploid] = True
        np.testing.assert_array_equal(ours, theirs, err_msg=name)


def test_view_prints_the_records_of_the_vcf(example_store: Path) -> None:
    """Character by character, through the installed package in a process of its own: the main job, whole."""
    command = [sys.executable, "-m", "vczero", "view", str(example_store)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    header, _, body = done.stdout.partition("#CHROM")
    assert header.startswith("##fileformat=VCF")
    assert body == make_example.vcf_text().partition("#CHROM")[2]


def test_the_example_has_every_type_and_number() -> None:
    """The header declares, and some record uses, each Type and each Number that INFO and FORMAT may have."""
    header, _, body = make_example.vcf_text().partition("#CHROM")
    fields = re.findall(r"##(INFO|FORMAT)=<ID=(\w+),Number=([^,]+),Type=(\w+)", header)
    for room, types in (
        ("INFO", "Integer Float Flag Character String"),
        ("FORMAT", "Integer Float Character String"),
    ):
        declared = [(name, number, kind) for where, name, number, kind in fields if where == room]
        assert {kind for _, _, kind in declared} == set(types.split())
        assert {number for _, number, _ in declared} >= {"1", "2", "A", "R", "G", "."}
        column = 7 if room == "INFO" else 8
        used = {line.split("\t")[column] for line in body.splitlines()[1:]}
        names = set(re.findall(r"(?:^|[;:])(\w+)", "\n".join(used), re.MULTILINE))
        assert {name for name, _, _ in declared} <= names


def test_the_example_has_several_chunks_on_both_axes(example_store: Path) -> None:
    """With one chunk per axis, half of the mistakes a reader can make would not show."""
    genotypes = zarr.open_array(
        zarr.storage.ZipStore(example_store, mode="r"), path="call_genotype", mode="r"
    )
    assert genotypes.cdata_shape == (5, 3, 1)
    assert genotypes.shape[0] % genotypes.chunks[0] != 0
    assert genotypes.shape[1] % genotypes.chunks[1] != 0
