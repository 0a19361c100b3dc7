"""Stores with local alleles: those that bio2zarr makes of a VCF, against that VCF; and others."""

from __future__ import annotations

import logging
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.command import output, vczero
from support.vcf_records import bcftools, records
from support.vcz_builder import Column, build_vcz, example_columns

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
"""


def pair_place(one: int, other: int) -> int:
    low, high = sorted((one, other))
    return high * (high + 1) // 2 + low


@pytest.fixture(scope="module")
def localised(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store with local alleles, and the VCF that it was made from."""
    pytest.importorskip("bio2zarr")
    from bio2zarr import vcf as vcf2zarr

    logging.getLogger("bio2zarr").setLevel(logging.ERROR)
    rng = random.Random(4)
    lines = ["\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *"abcde"])]
    for position in range(10, 410, 10):
        n = rng.choice([2, 2, 3, 4, 5])
        alts = ["C", "G", "T", "AA"][: n - 1]
        pool = rng.choices(range(n), k=3)
        cells = []
        for _ in range(5):
            call = [rng.choice(pool), rng.choice(pool)] if rng.random() < 0.9 else [".", "."]
            depths = ",".join(str(rng.randrange(50)) for _ in range(n)) if rng.random() < 0.9 else "."
            likelihoods = ",".join(str(rng.randrange(99)) for _ in range(n * (n + 1) // 2))
            cells.append(f"{call[0]}/{call[1]}:{depths}:{likelihoods}")
        lines.append(
            "\t".join(["1", str(position), ".", "A", ",".join(alts), ".", ".", ".", "GT:AD:PL", *cells])
        )
    vcf = tmp_path_factory.mktemp("local") / "calls.vcf"
    vcf.write_text(HEADER + "\n".join(lines) + "\n")
    store = vcf.with_suffix(".vcz")
    vcf2zarr.convert([vcf], store, worker_processes=0, show_progress=False, local_alleles=True)
    return store, vcf


def expected(vcf: str, *, local: bool) -> list[dict[str, dict[str, list[Any]]]]:
    """FORMAT of each record, of the alleles in each genotype; REF without values where it is not in it."""
    made = []
    for record in records(vcf):
        fields: dict[str, dict[str, list[Any]]] = {}
        n = 1 if record["ALT"] == "." else record["ALT"].count(",") + 2
        for name, call in record["FORMAT"].get("GT", {}).items():
            known = sorted({int(allele) for allele in call.split("/") if allele != "."})
            listed = [0, *(allele for allele in known if allele)] if local else list(range(n))
            depths = record["FORMAT"].get("AD", {}).get(name, ["."])
            likelihoods = record["FORMAT"].get("PL", {}).get(name, ["."])
            ad = [depths[a] if a in known and len(depths) > a else "." for a in listed]
            pl = [
                likelihoods[pair_place(j, k)] if j in known and k in known else "."
                for place, k in enumerate(listed)
                for j in listed[: place + 1]
            ]
            cells = {"LAA": [float(a) for a in known if a] or ["."], "LAD": ad, "LPL": pl}
            if not local:
                cells = {"AD": ad, "PL": pl}
            for key, values in cells.items():
                fields.setdefault(key, {})[name] = trimmed(values)
        made.append({key: cells for key, cells in fields.items() if any(v != ["."] for v in cells.values())})
    return made


def trimmed(values: list[Any]) -> list[Any]:
    while len(values) > 1 and values[-1] == ".":
        values = values[:-1]
    return values


def formats(vcf: str) -> list[dict[str, Any]]:
    """FORMAT of each record without GT."""
    return [{key: v for key, v in record["FORMAT"].items() if key != "GT"} for record in records(vcf)]


@pytest.mark.oracle("bcftools")
@pytest.mark.parametrize("options", [[], ["-s", "d,b"], ["-a"], ["-a", "-s", "c"], ["-a", "-s", "e,a", "-I"]])
@pytest.mark.parametrize("local", [True, False])
def test_local_and_not(local: bool, options: list[str], localised: tuple[Path, Path]) -> None:
    """LAA, LAD and LPL as VCF 4.5 has them, and AD and PL again; also where alleles are trimmed."""
    store, vcf = localised
    ours = output("view", *options, *([] if local else ["--delocalise"]), store)
    theirs = bcftools("view", *options, vcf)
    assert formats(ours) == expected(theirs, local=local)
    without = [{**record, "FORMAT": record["FORMAT"].get("GT")} for record in records(ours)]
    assert without == [{**record, "FORMAT": record["FORMAT"].get("GT")} for record in records(theirs)]


@pytest.mark.oracle("bcftools")
def test_headers_and_bcf(localised: tuple[Path, Path], tmp_path: Path) -> None:
    """The numbers of VCF 4.5, which 1.16 passes on; BCF has the same records."""
    store, _ = localised
    header = output("view", "-h", store)
    assert header.startswith("##fileformat=VCFv4.5\n")
    assert '##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description="Depths (local-alleles)">' in header
    assert "##FORMAT=<ID=LPL,Number=LG," in header
    assert "##FORMAT=<ID=LAA,Number=.,Type=Integer" in header
    assert "ID=LA," not in header
    again = output("view", "-h", "--delocalise", store)
    assert '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">' in again
    assert "##FORMAT=<ID=PL,Number=G," in again
    assert "ID=L" not in again
    for options in ([], ["--delocalise"], ["-a"]):
        output("view", "-Ob", *options, "-o", tmp_path / "out.bcf", store)
        assert records(bcftools("view", tmp_path / "out.bcf")) == records(output("view", *options, store))


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A store that has LAA itself: the example of VCF 4.5, floats, and a haploid LPL."""
    columns: dict[str, Any] = example_columns(3, 2)
    columns = {name: column for name, column in columns.items() if not name.startswith("call_")}
    columns |= {
        "variant_allele": np.array(
            [["G", "A", "C", "T", "<*>"], ["A", "C", "G", "", ""], ["C", "G", "T", "<*>", ""]], object
        ),
        "call_genotype": np.array([[[2, 2], [4, 0]], [[0, 0], [0, 0]], [[3, 3], [-1, -1]]], np.int8),
        "call_LAA": np.array([[[2, 4], [4, -2]], [[-1, -2], [1, -2]], [[3, -2], [1, 3]]], np.int8),
        "call_LAD": np.array(
            [[[20, 30, 10], [5, 6, -2]], [[15, -2, -2], [7, 8, -2]], [[9, 1, -2], [-1, -2, -2]]], np.int16
        ),
        "call_LPL": np.array(
            [
                [[90, 80, 0, 100, 110, 120], [1, 2, 3, -2, -2, -2]],
                [[0, -2, -2, -2, -2, -2], [4, 5, -2, -2, -2, -2]],
                [[6, 7, 8, -2, -2, -2], [-1, -2, -2, -2, -2, -2]],
            ],
            np.int32,
        ),
        "call_LEC": Column(np.array([[[1, 2], [3, -2]]] * 3, np.int8)),
    }
    del columns["variant_AF"]
    return build_vcz(tmp_path / "listed.vcz", columns)


def cells(store: Path, *options: str) -> list[list[str]]:
    """The sample columns of each record."""
    return [line.split("\t")[8:] for line in output("view", "-H", *options, store).splitlines()]


def test_a_store_with_laa(listed: Path) -> None:
    """It is written as it is; spread, alleles that are not listed are missing."""
    assert cells(listed)[0] == [
        "GT:LAA:LAD:LEC:LPL", "2/2:2,4:20,30,10:1,2:90,80,0,100,110,120", "4/0:4:5,6:3:1,2,3",
    ]  # fmt: skip
    first, second, third = cells(listed, "--delocalise")
    assert first == [
        "GT:AD:EC:PL",
        "2/2:20,.,30,.,10:.,1,.,2:90,.,.,80,.,0,.,.,.,.,100,.,110,.,120",
        "4/0:5,.,.,.,6:.,.,.,3:1,.,.,.,.,.,.,.,.,.,2,.,.,.,3",
    ]
    assert second[1].split(":")[1] == "15,.,."
    assert second[2].split(":")[3] == "4,5,."
    assert third == ["GT:AD:EC:PL", "3/3:9,.,.,1:.,.,1:6,.,.,.,.,.,7,.,.,8", "./.:.:3,.:."]


def test_alleles_that_are_listed_but_not_seen_go(listed: Path) -> None:
    """What goes with a local allele goes with it, by its number among all."""
    first, second, third = cells(listed, "-a")
    assert first == ["GT:LAA:LAD:LEC:LPL", "1/1:1,2:20,30,10:1,2:90,80,0,100,110,120", "2/0:2:5,6:3:1,2,3"]
    assert second == ["GT:LAD:LPL", "0/0:15:0", "0/0:7:4"]
    assert third == ["GT:LAA:LAD:LEC:LPL", "1/1:1:9,1:1:6,7,8", "./.:1:.:.:."]


def test_a_local_allele_that_does_not_exist(listed: Path) -> None:
    """One line that says where, and no values made up."""
    import zarr

    group = zarr.open_group(listed, mode="r+")
    group["call_LAA"][1, 0, 0] = 3
    done = vczero("view", "--delocalise", listed)
    assert done.returncode == 1
    assert done.stderr == "vczero: error: a local allele of variant 1 is not one of its 3\n"
