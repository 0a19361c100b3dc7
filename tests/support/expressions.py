"""VCFs with every Type and Number, what bcftools says of expressions over them, and what we say of stores."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vczero.errors import VczeroError
from vczero.strings import Strings
from vczero.vcz.predicates import Filter
from vczero.vcz.schema import Batch, VczSchema, describe_field

HEADER = """##fileformat=VCFv4.3
##contig=<ID=1>
##contig=<ID=chr2>
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=q10,Description="x">
##FILTER=<ID=s50,Description="x">
##FILTER=<ID=q1,Description="x">
##INFO=<ID=I1,Number=1,Type=Integer,Description="x">
##INFO=<ID=I2,Number=2,Type=Integer,Description="x">
##INFO=<ID=IA,Number=A,Type=Integer,Description="x">
##INFO=<ID=IR,Number=R,Type=Integer,Description="x">
##INFO=<ID=IG,Number=G,Type=Integer,Description="x">
##INFO=<ID=IV,Number=.,Type=Integer,Description="x">
##INFO=<ID=F1,Number=1,Type=Float,Description="x">
##INFO=<ID=FA,Number=A,Type=Float,Description="x">
##INFO=<ID=FV,Number=.,Type=Float,Description="x">
##INFO=<ID=S1,Number=1,Type=String,Description="x">
##INFO=<ID=SA,Number=A,Type=String,Description="x">
##INFO=<ID=SV,Number=.,Type=String,Description="x">
##INFO=<ID=C1,Number=1,Type=Character,Description="x">
##INFO=<ID=C2,Number=2,Type=Character,Description="x">
##INFO=<ID=FLAG,Number=0,Type=Flag,Description="x">
##INFO=<ID=BOTH,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=DV,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=EC,Number=A,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
##FORMAT=<ID=HI,Number=2,Type=Integer,Description="x">
##FORMAT=<ID=VI,Number=.,Type=Integer,Description="x">
##FORMAT=<ID=GF,Number=1,Type=Float,Description="x">
##FORMAT=<ID=VF,Number=.,Type=Float,Description="x">
##FORMAT=<ID=FS,Number=1,Type=String,Description="x">
##FORMAT=<ID=FV2,Number=.,Type=String,Description="x">
##FORMAT=<ID=FC,Number=1,Type=Character,Description="x">
##FORMAT=<ID=BOTH,Number=1,Type=Integer,Description="x">
"""
WORDS = ["a", "b", "abc", "xyz", "Abc", "het", "x_y", "miss"]


def make_vcf(
    path: Path, *, seed: int, records: int = 40, samples: int = 5, ploidies: Sequence[int] = (2, 2, 1)
) -> Path:
    """Writes a VCF. FORMAT keys stand in every record and INFO keys are never `.`, for bio2zarr keeps no
    difference between an absent key and a missing value. The first record lacks nothing, for bcftools 1.16
    treats records before the first that has all of a sum's terms differently from those after it."""
    rng = random.Random(seed)
    names = [f"s{i}" for i in range(samples)]
    lines = [
        HEADER,
        "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *names]),
        "\n",
    ]
    for number in range(records):
        chrom = "1" if number < records * 2 // 3 else "chr2"
        position = str(10 + 7 * number if number % 10 else 16777210 + number)
        record = _record(rng, samples, ploidies) if number else _full_record(samples)
        lines += ["\t".join([chrom, position if number else "2", *record]), "\n"]
    path.write_text("".join(sorted_by_position(lines)))
    return path


def sorted_by_position(lines: list[str]) -> list[str]:
    """The lines with the records of each contig in order."""
    head, records = lines[:3], ["".join(pair) for pair in zip(lines[3::2], lines[4::2], strict=True)]
    return head + sorted(records, key=lambda line: (line.split("\t")[0], int(line.split("\t")[1])))


def _integer(rng: random.Random) -> str:
    return rng.choice([".", "0", "1", "2", "3", "5", "7", "10", "20", "33", "120", "300", "70000", "-7"])


def _small(rng: random.Random) -> str:
    return rng.choice([".", "0", "0", "1", "2", "3", "5", "8", "13", "20", "40"])


def _float(rng: random.Random) -> str:
    return rng.choice([".", "0", "0.5", "0.25", "0.1", "1", "10", "33.3", "1e-5", "-2.5", "1e9"])


def _word(rng: random.Random) -> str:
    return rng.choice([*WORDS, "."])


def _several(rng: random.Random, make, count: int) -> str:
    return ",".join(make(rng) for _ in range(count))


def _alleles(rng: random.Random) -> list[str]:
    ref = rng.choice(["A", "C", "G", "AC", "ACG", "TTT"])
    pool = [
        "A",
        "C",
        "G",
        "T",
        "AC",
        "ACGT",
        "AT",
        "<DEL>",
        "*",
        "<*>",
        "TT",
        ref + "A",
        "G]1:5]",
        ref + "[1:9[",
    ]
    alts = [alt for alt in rng.sample(pool, rng.choice([0, 1, 1, 1, 1, 2, 2, 3])) if alt != ref]
    return [ref, *alts]


def _record(rng: random.Random, samples: int, ploidies: Sequence[int]) -> list[str]:
    alleles = _alleles(rng)
    alts, genotypes = len(alleles) - 1, len(alleles) * (len(alleles) + 1) // 2
    info = {
        "I1": lambda: _integer(rng),
        "I2": lambda: _several(rng, _small, 2),
        "IA": lambda: _several(rng, _integer, alts),
        "IR": lambda: _several(rng, _integer, alts + 1),
        "IG": lambda: _several(rng, _integer, genotypes),
        "IV": lambda: _several(rng, _integer, rng.randint(1, 4)),
        "F1": lambda: _float(rng),
        "FA": lambda: _several(rng, _float, alts),
        "FV": lambda: _several(rng, _float, rng.randint(1, 4)),
        "S1": lambda: _word(rng),
        "SA": lambda: _several(rng, _word, alts),
        "SV": lambda: _several(rng, _word, rng.randint(1, 4)),
        "C1": lambda: rng.choice("abAz."),
        "C2": lambda: ",".join(rng.choice("abAz.") for _ in range(2)),
        "BOTH": lambda: _integer(rng),
    }
    entries = []
    for key, make in info.items():
        value = make() if rng.random() < 0.75 else ""
        if value.strip(".,"):
            entries.append(f"{key}={value}")
    if rng.random() < 0.4:
        entries.append("FLAG")
    formats = {
        "GT": lambda: _genotype(rng, len(alleles), rng.choice(ploidies)),
        "DP": lambda: _integer(rng),
        "GQ": lambda: _small(rng),
        "DV": lambda: _small(rng),
        "AD": lambda: _maybe(rng, _several(rng, _small, alts + 1)),
        "EC": lambda: _maybe(rng, _several(rng, _integer, alts)),
        "PL": lambda: _maybe(rng, _several(rng, _integer, genotypes)),
        "HI": lambda: _maybe(rng, _several(rng, _integer, 2)),
        "VI": lambda: _several(rng, _integer, rng.randint(1, 3)),
        "GF": lambda: _float(rng),
        "VF": lambda: _several(rng, _float, rng.randint(1, 3)),
        "FS": lambda: _word(rng),
        "FV2": lambda: _several(rng, _word, rng.randint(1, 3)),
        "FC": lambda: rng.choice("abAz."),
        "BOTH": lambda: _integer(rng),
    }
    calls = [":".join(make() or "." for make in formats.values()) for _ in range(samples)]
    return [
        rng.choice([".", f"rs{rng.randint(1, 30)}", "a,b", "rs1"]),
        alleles[0],
        ",".join(alleles[1:]) or ".",
        rng.choice([".", "10", "29.5", "30", "50.123", "1000"]),
        rng.choice([".", "PASS", "PASS", "q10", "s50", "q10;s50", "s50;q10", "q1"]),
        ";".join(entries) or ".",
        ":".join(formats),
        *calls,
    ]


def _full_record(samples: int) -> list[str]:
    """A record with a value for every key."""
    info = "I1=5;I2=3,4;IA=1,2;IR=3,4,5;IG=1,2,3,4,5,6;IV=7,8,9;F1=0.5;FA=0.25,0.5;FV=1,2.5"
    formats = "GT DP GQ DV AD EC PL HI VI GF VF FS FV2 FC BOTH".replace(" ", ":")
    call = "0/1:12:20:3:8,5,2:1,2:0,10,20,30,40,50:2,3:4,5:0.5:0.25,1:abc:a,b:z:6"
    return [
        "rs5",
        "A",
        "C,T",
        "50",
        "PASS",
        f"{info};S1=abc;SA=a,b;SV=x_y,a;C1=a;C2=b,A;FLAG;BOTH=6",
        formats,
        *[call] * samples,
    ]


def _maybe(rng: random.Random, value: str) -> str:
    return value if rng.random() < 0.85 else "."


def _genotype(rng: random.Random, alleles: int, ploidy: int) -> str:
    weights = [3, *([2] * (alleles - 1)), 1]
    calls = rng.choices([*map(str, range(alleles)), "."], weights, k=ploidy)
    return rng.choice("/|").join(calls)


@dataclass(eq=False)
class Outcome:
    """What was made of an expression: the sites, as row numbers, and the samples of each; or an error."""

    sites: list[int] | None
    samples: list[list[int]] | None = None
    error: str = ""

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Outcome)
        return self.sites == other.sites and self.samples == other.samples

    __hash__ = None  # type: ignore[assignment]


@dataclass
class Case:
    """A VCF and the store made from it."""

    vcf: Path
    schema: VczSchema
    columns: dict

    @classmethod
    def convert(cls, vcf: Path) -> Case:
        """Makes the store beside the VCF, and reads it."""
        packed = vcf.with_suffix(".vcf.gz")
        subprocess.run(["bcftools", "view", "-Oz", "-o", packed, vcf], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["bcftools", "index", "-f", packed], check=True)
        return cls(packed, *read_store(convert(packed)))

    def bcftools(self, expression: str, *, exclude: bool = False, samples: Sequence[str] = ()) -> Outcome:
        """`bcftools query`: sites and samples."""
        subset = ["-s", ",".join(samples)] if samples else []
        command = ["bcftools", "query", "-e" if exclude else "-i", expression, *subset]
        done = subprocess.run(
            [*command, "-f", "%CHROM:%POS[\\t%SAMPLE]\\n", self.vcf],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return Outcome(None, error=done.stderr.strip() or f"signal {-done.returncode}")
        names = list(samples) or [str(name) for name in self.schema.sample_ids]
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        return Outcome(
            [self.row_of[line[0]] for line in lines],
            [[names.index(name) for name in line[1:]] for line in lines],
        )

    def view(self, expression: str, *, exclude: bool = False) -> Outcome:
        """`bcftools view`: sites."""
        done = subprocess.run(
            ["bcftools", "view", "-H", "-e" if exclude else "-i", expression, self.vcf],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return Outcome(None, error=done.stderr.strip())
        return Outcome([self.row_of[":".join(line.split("\t")[:2])] for line in done.stdout.splitlines()])

    @property
    def row_of(self) -> dict[str, int]:
        """CHROM:POS to the number of the record."""
        contigs = [str(name) for name in self.schema.contig_ids]
        pairs = zip(self.columns["variant_contig"], self.columns["variant_position"], strict=True)
        return {f"{contigs[contig]}:{position}": row for row, (contig, position) in enumerate(pairs)}

    def ours(
        self, expression: str, *, exclude: bool = False, samples: Sequence[str] = (), view: bool = False
    ) -> Outcome:
        """The same from the store."""
        names = [str(name) for name in self.schema.sample_ids]
        chosen = [names.index(name) for name in samples] if samples else list(range(len(names)))
        try:
            parsed = Filter(exclude=expression) if exclude else Filter(expression)
            bound = parsed.bind(
                self.schema, semantics="view" if view else "query", sample_ids=self.schema.sample_ids[chosen]
            )
            columns = {name: self.columns[name] for name in bound.columns}
            if samples:
                columns = {name: subset(name, column, chosen) for name, column in columns.items()}
            batch = Batch(columns, np.arange(self.schema.num_variants))
            passed = bound.evaluate(batch)
            check_decision(bound, batch, passed)
        except VczeroError as error:
            return Outcome(None, error=str(error))
        sites = np.flatnonzero(passed.sites)
        if view:
            return Outcome(sites.tolist())
        everyone = list(range(len(chosen)))
        found = [
            everyone if passed.samples is None else np.flatnonzero(passed.samples[i]).tolist() for i in sites
        ]
        return Outcome(sites.tolist(), found)


def check_decision(bound, batch, passed) -> None:
    """What the first columns alone decide must be what all of them say."""
    first = {name: column for name, column in batch.columns.items() if name in bound.first}
    decision = bound.decide(Batch(first, batch.variant_index))
    decided = decision != 2
    assert (passed.sites[decided] == (decision[decided] == 1)).all(), "decide() contradicts evaluate()"
    if bound.first == bound.columns:
        assert decided.all() or passed.samples is not None


def subset(name: str, column, chosen):
    """A column with the chosen samples."""
    if not name.startswith("call_"):
        return column
    if isinstance(column, Strings):
        return Strings.from_values(column.to_objects()[:, chosen])
    return column[:, chosen]


def convert(vcf: Path) -> Path:
    """The store that bio2zarr makes of a VCF, beside it."""
    import logging

    from bio2zarr import vcf as vcf2zarr

    logging.getLogger("bio2zarr").setLevel(logging.ERROR)
    store = vcf.with_suffix(".vcz")
    vcf2zarr.convert([vcf], store, worker_processes=0, show_progress=False)
    return store


def read_store(path: Path) -> tuple[VczSchema, dict]:
    """What a store holds, by zarr-python."""
    import zarr

    group = zarr.open_group(path, mode="r")
    names = list(group.array_keys())
    fields, columns = {}, {}
    for name in names:
        array = group[name]
        dims = tuple(array.attrs.get("_ARRAY_DIMENSIONS") or array.metadata.dimension_names)
        fields[name] = describe_field(
            name, dtype=array.dtype, shape=array.shape, dims=dims, chunks=array.chunks, names=names
        )
        if dims[0] == "variants":
            values = array[...]
            columns[name] = Strings.from_values(values) if values.dtype.kind in "TOUS" else values
    schema = VczSchema(
        fields=fields,
        num_variants=group["variant_position"].shape[0],
        sample_ids=group["sample_id"][:],
        contig_ids=group["contig_id"][:],
        filter_ids=group["filter_id"][:],
    )
    return schema, columns
