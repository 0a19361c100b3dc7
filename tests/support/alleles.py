"""VCFs about alleles: one to seven, seen or not, mixed ploidy, fields of Number A, R and G of each Type."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

_TYPES = {"I": "Integer", "F": "Float", "S": "String"}
_HEADER = [
    "##fileformat=VCFv4.3",
    "##contig=<ID=1>",
    '##FILTER=<ID=PASS,Description="All filters passed">',
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Of the callers own">',
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="Of the callers own">',
    *(
        f'##INFO=<ID={kind}{number},Number={number},Type={name},Description="x">'
        for kind, name in _TYPES.items()
        for number in "ARG"
    ),
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    *(
        f'##FORMAT=<ID={key},Number={key[-1]},Type={_TYPES[key[0]]},Description="x">'
        for key in ("IA", "IR", "IG", "FA", "FR", "FG")
    ),
]
_ALTS = ["C", "G", "T", "AC", "ATT", "<DEL>", "*", "<NON_REF>", "A[1:9["]


def write_vcf(
    path: Path, *, seed: int, records: int = 60, samples: int = 6, ploidies: Sequence[int] = (2, 2, 2, 1)
) -> Path:
    """Write a VCF whose fields are whole or missing; the first sample has the ploidy that comes first."""
    rng = random.Random(seed)
    names = [f"s{k}" for k in range(samples)]
    lines = [
        *_HEADER,
        "\t".join(["#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT".replace(" ", "\t"), *names]),
    ]
    lines += ["\t".join(_record(rng, 10 * k + 10, samples, ploidies)) for k in range(records)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _record(rng: random.Random, position: int, samples: int, ploidies: Sequence[int]) -> list[str]:
    alts = rng.sample(_ALTS, rng.choice([0, 1, 1, 1, 2, 2, 3, 4, 6]))
    n = len(alts) + 1
    # Many genotypes have few of the alleles, so that some are never seen.
    pool = [rng.randrange(n) for _ in range(rng.choice([1, 1, 2, 3]))]
    own = [ploidies[0], *rng.choices(ploidies, k=samples - 1)]
    calls = [_call(rng, pool, ploidy) for ploidy in own]
    keys = [key for key in ("IA", "IR", "IG", "FA", "FR", "FG") if (n > 1 or key[-1] != "A")]
    keys = [key for key in keys if rng.random() < 0.8]
    cells = [[_cell(rng, key, n, 2 if ploidy > 1 else 1) for key in keys] for ploidy in own]
    cells[0] = [_values(rng, key[0], _size(key[-1], n, 2)) for key in keys]
    samples_text = [":".join([call, *cell]) for call, cell in zip(calls, cells, strict=True)]
    info = _info(rng, n)
    columns = [
        "1",
        str(position),
        ".",
        "A",
        ",".join(alts) or ".",
        ".",
        "PASS",
        info,
        ":".join(["GT", *keys]),
    ]
    return [*columns, *samples_text]


def _info(rng: random.Random, n: int) -> str:
    tags = [kind + number for kind in _TYPES for number in "ARG" if n > 1 or number != "A"]
    entries = [f"{tag}={_values(rng, tag[0], _size(tag[1], n, 2))}" for tag in tags if rng.random() < 0.7]
    if n > 1 and rng.random() < 0.4:
        entries.append(f"AC={_values(rng, 'I', n - 1)};AN={rng.randrange(60, 99)}")
    elif rng.random() < 0.2:
        entries.append(f"AN={rng.randrange(60, 99)}")
    return ";".join(entries) or "."


def _size(number: str, alleles: int, ploidy: int) -> int:
    if number == "G":
        return alleles * (alleles + 1) // 2 if ploidy == 2 else alleles
    return alleles if number == "R" else alleles - 1


def _cell(rng: random.Random, key: str, alleles: int, ploidy: int) -> str:
    # Of a missing cell of Number=A, bcftools 1.16 makes missing and what was in memory (observed).
    return (
        "."
        if key[-1] != "A" and rng.random() < 0.2
        else _values(rng, key[0], _size(key[-1], alleles, ploidy))
    )


_VALUES: dict[str, Callable[[random.Random], str]] = {
    "I": lambda rng: str(rng.randrange(10)),
    "F": lambda rng: str(rng.randrange(16) / 8),
    "S": lambda rng: rng.choice(["x", "yy", "z1"]),
}


def _values(rng: random.Random, kind: str, size: int) -> str:
    return ",".join(_VALUES[kind](rng) for _ in range(size))


def _call(rng: random.Random, pool: Sequence[int], ploidy: int) -> str:
    bar = rng.choice("/|")
    return bar.join("." if rng.random() < 0.12 else str(rng.choice(pool)) for _ in range(ploidy))
