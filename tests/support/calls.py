"""The same calls twice: as the columns of a store, and as the VCF that another program reads."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from support.vcz_builder import STRING

ALLELES = [("A", "C"), ("G", "T"), ("AT", "A"), ("C", "<DEL>"), ("T", ""), ("G", "*"), ("c", "g")]


def random_calls(
    variants: int,
    samples: int,
    *,
    seed: int = 1,
    contigs: Sequence[str] = ("1", "chr2", "X", "Y", "MT"),
    haploid: float = 0.2,
    missing: float = 0.1,
    most_alleles: int = 2,
) -> dict[str, Any]:
    """Columns of a store: calls diploid, haploid and missing, phased or not, never half missing."""
    rng = np.random.default_rng(seed)
    contig = np.sort(rng.integers(0, len(contigs), variants)).astype(np.int8)
    position = rng.integers(1, 10_000, variants).astype(np.int32)
    order = np.lexsort((position, contig))
    alleles = np.full((variants, most_alleles), "", object)
    counts = np.empty(variants, np.int64)
    for row, number in enumerate(rng.integers(0, len(ALLELES), variants)):
        chosen = ALLELES[number]
        if most_alleles > 2 and rng.random() < 0.3:
            chosen = ("A", "C", "GG", "T")[: rng.integers(3, most_alleles + 1)]
        alleles[row, : len(chosen)] = chosen
        counts[row] = sum(map(bool, chosen))
    calls = rng.integers(0, counts[:, None, None], (variants, samples, 2)).astype(np.int8)
    calls[rng.random((variants, samples)) < missing] = -1
    calls[:, :, 1][rng.random((variants, samples)) < haploid] = -2
    names = [f"rs{row}" if row % 3 else "." for row in range(variants)]
    return {
        "sample_id": np.array([f"s_{number}" for number in range(samples)], STRING),
        "contig_id": np.array(contigs, STRING),
        "variant_contig": contig,
        "variant_position": position[order],
        "variant_id": np.array(names, STRING),
        "variant_allele": alleles.astype(STRING),
        "variant_quality": rng.integers(0, 100, variants).astype(np.float32),
        "call_genotype": calls,
        "call_genotype_phased": rng.random((variants, samples)) < 0.3,
    }


def vcf_text(columns: dict[str, Any]) -> str:
    """The columns as VCF."""
    samples = [str(name) for name in columns["sample_id"]]
    contigs = [str(name) for name in columns["contig_id"]]
    lines = ["##fileformat=VCFv4.3", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines += [f"##contig=<ID={name}>" for name in contigs]
    lines.append(
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples])
    )
    for row, (calls, phased) in enumerate(
        zip(columns["call_genotype"].tolist(), columns["call_genotype_phased"].tolist(), strict=True)
    ):
        alleles = [str(allele) for allele in columns["variant_allele"][row] if allele]
        fields = [
            contigs[columns["variant_contig"][row]],
            str(columns["variant_position"][row]),
            str(columns["variant_id"][row]),
            alleles[0],
            ",".join(alleles[1:]) or ".",
            f"{columns['variant_quality'][row]:g}",
            ".\t.\tGT",
        ]
        texts = [_call(call, is_phased) for call, is_phased in zip(calls, phased, strict=True)]
        lines.append("\t".join([*fields, *texts]))
    return "\n".join(lines) + "\n"


def _call(call: Sequence[int], is_phased: bool) -> str:
    return ("|" if is_phased else "/").join(
        "." if allele == -1 else str(allele) for allele in call if allele != -2
    )


def plink(program: str, *arguments: str | Path, out: Path) -> Path:
    """Run plink2 or plink1.9 and return its `--out`; it must succeed."""
    command = [program, *map(str, arguments), "--out", str(out), "--threads", "1", "--memory", "1000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def three_files(stem: Path) -> tuple[bytes, bytes, bytes]:
    """.bed, .bim, .fam."""
    bed, bim, fam = (Path(f"{stem}.{name}").read_bytes() for name in ("bed", "bim", "fam"))
    return bed, bim, fam
