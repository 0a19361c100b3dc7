"""Make the bundled example: `example.vcf.gz`, its index, and the VCF Zarr store `example.vcz.zip`.

    python examples/make_example.py [FOLDER]

The VCF is invented and always the same: five contigs (one without records), 25 samples, several hundred
records with every Type and Number of INFO and FORMAT fields, and most of what makes VCF awkward:
multi-allelic sites, sites without ALT, indels, spanning deletions, symbolic alleles with END, breakends,
missing and mixed phase, haploid calls, several filters or none, several IDs or none.

It holds nothing that the conversion to VCF Zarr loses, so that what is read from the store can be compared
with `bcftools view` of the VCF, character by character: no integers -1 and -2, no key that is there without a
value, no FORMAT vector of floats shorter than another site's, and keys in the order in which a store lists
its arrays (of the header's order nothing is stored).

Needs bcftools and bio2zarr. The store is a zip file, because a directory would be hundreds of small files.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

SAMPLES = [f"NA{number:05d}" for number in range(1, 26)]
# Contig, its length, its number of records.
CONTIGS = [("1", 248_956_422, 215), ("2", 242_193_529, 120), ("X", 156_040_895, 90), ("Y", 57_227_415, 0)]
CONTIGS.append(("MT", 16_569, 12))
VARIANT_CHUNK, SAMPLE_CHUNK = 100, 10
BASES = "ACGT"

HEADER = """\
##fileformat=VCFv4.3
##FILTER=<ID=PASS,Description="All filters passed">
##fileDate=20240229
##source=make_example.py
##reference=file:///invented/reference.fa
##FILTER=<ID=q10,Description="Quality below 10">
##FILTER=<ID=s50,Description="Less than half of the samples have data">
##FILTER=<ID=lowDP,Description="Depth below 100">
{contigs}
##ALT=<ID=DEL,Description="Deletion">
##ALT=<ID=DUP,Description="Duplication">
##INFO=<ID=1000G,Number=0,Type=Flag,Description="In 1000 Genomes: a name that starts with a digit">
##INFO=<ID=AA,Number=1,Type=Character,Description="Ancestral base">
##INFO=<ID=AC,Number=A,Type=Integer,Description="Allele count, per ALT">
##INFO=<ID=AF,Number=A,Type=Float,Description="Allele frequency, per ALT">
##INFO=<ID=AN,Number=1,Type=Integer,Description="Called alleles">
##INFO=<ID=BIAS,Number=2,Type=Float,Description="Strand bias, forward and reverse">
##INFO=<ID=CIPOS,Number=2,Type=Integer,Description="Confidence interval around POS">
##INFO=<ID=CSQ,Number=A,Type=String,Description="Consequence, per ALT">
##INFO=<ID=DB,Number=0,Type=Flag,Description="In a database">
##INFO=<ID=DIST,Number=.,Type=Integer,Description="Distances to genes, some negative">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=DPR,Number=R,Type=Integer,Description="Depth, per allele">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">
##INFO=<ID=FLANK,Number=2,Type=Character,Description="Bases to the left and right">
##INFO=<ID=GENE,Number=1,Type=String,Description="Gene">
##INFO=<ID=KIND,Number=R,Type=String,Description="Kind, per allele">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Mapping quality">
##INFO=<ID=MQ0,Number=1,Type=Integer,Description="Reads with mapping quality 0">
##INFO=<ID=NS,Number=1,Type=Integer,Description="Samples with data">
##INFO=<ID=PUBS,Number=.,Type=String,Description="Publications">
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type of structural variant">
##INFO=<ID=odds_raw,Number=G,Type=Float,Description="Odds, per genotype: a name in lower case">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depth, per allele">
##FORMAT=<ID=BASE,Number=1,Type=Character,Description="Base seen first">
##FORMAT=<ID=CN,Number=1,Type=Float,Description="Copy number">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=DS,Number=A,Type=Float,Description="Dosage, per ALT">
##FORMAT=<ID=EC,Number=A,Type=Integer,Description="Expected counts, per ALT">
##FORMAT=<ID=ENDS,Number=2,Type=Character,Description="Bases seen at both ends">
##FORMAT=<ID=FT,Number=1,Type=String,Description="Filter of this call">
##FORMAT=<ID=GL,Number=G,Type=Float,Description="Likelihoods, per genotype">
##FORMAT=<ID=GP,Number=3,Type=Float,Description="Probabilities of three genotypes">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=HQ,Number=2,Type=Integer,Description="Haplotype qualities">
##FORMAT=<ID=LAGS,Number=.,Type=Integer,Description="Some numbers">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Scaled likelihoods, per genotype">
##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">
##FORMAT=<ID=TAGS,Number=.,Type=String,Description="Some words">
"""

# FORMAT keys that come together.
FORMATS = [
    ("GT",),
    ("GT", "AD", "DP", "GQ", "PL"),
    ("GT", "DP", "FT", "HQ"),
    ("GT", "AD", "CN", "EC", "PS"),
    ("GT", "GP", "LAGS", "TAGS"),
    ("GT", "BASE", "ENDS", "GQ"),
]
# For sites with the most alleles only, so that no vector of floats is shorter than another.
FULL_FORMAT = ("GT", "DP", "DS", "GL")
MOST_ALTS = 3


def vcf_text() -> str:
    """The VCF: header and records, the same each time."""
    rng = random.Random(20)
    contigs = "\n".join(f"##contig=<ID={name},length={length}>" for name, length, _ in CONTIGS)
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *SAMPLES]
    lines = [HEADER.format(contigs=contigs) + "\t".join(columns)]
    for name, length, records in CONTIGS:
        position = 0
        for number in range(records):
            # Every twentieth record stands where the one before it stands.
            position += 0 if number % 20 == 19 else rng.randint(1, length // (records + 1))
            lines.append(_record(rng, name, position))
    return "\n".join(lines) + "\n"


def _record(rng: random.Random, contig: str, position: int) -> str:
    ref, alts, end = _alleles(rng, position)
    alleles = len(alts) + 1
    genotypes = [_genotype(rng, contig, number, alleles) for number in range(len(SAMPLES))]
    if rng.random() < 0.02:
        genotypes = [["."] * len(genotype[::2]) for genotype in genotypes]
        genotypes = [["."] if len(genotype) == 1 else [".", "/", "."] for genotype in genotypes]
    keys = FULL_FORMAT if len(alts) == MOST_ALTS and rng.random() < 0.5 else rng.choice(FORMATS)
    # Number=A needs an ALT.
    keys = tuple(key for key in keys if alts or key != "EC")
    calls = []
    for number, genotype in enumerate(genotypes):
        # The first sample has a value for every key: a key without any is lost in the conversion.
        values = [_format_value(rng, key, genotype, alleles, certain=number == 0) for key in keys]
        calls.append(":".join(values))
    identifier = rng.choice(
        [".", ".", f"rs{position}", f"rs{position}", f"rs{position};esv{position % 1000}"]
    )
    quality = rng.choice([".", "0", "3", "29", "67.5", "0.0625", "1234.5", "1e-05", "3e+06"])
    chosen = rng.choice([".", "PASS", "PASS", "PASS", "q10", "s50", "q10;s50", "q10;s50;lowDP"])
    info = _info(rng, alts, end, genotypes)
    fixed = [contig, str(position), identifier, ref, ",".join(alts) or ".", quality, chosen, info]
    return "\t".join([*fixed, ":".join(keys), *calls])


def _alleles(rng: random.Random, position: int) -> tuple[str, list[str], int | None]:
    """REF, ALTs, and the last position if it is not that of REF."""
    base, *others = rng.sample(BASES, 4)
    kind = rng.random()
    if kind < 0.60:
        return base, others[: rng.choice([1, 1, 1, 1, 2, MOST_ALTS])], None
    if kind < 0.68:
        return base, [], None
    if kind < 0.76:
        return base + "".join(rng.choices(BASES, k=rng.randint(1, 30))), [base], None
    if kind < 0.84:
        return base, [base + "".join(rng.choices(BASES, k=length)) for length in (1, 12)], None
    if kind < 0.88:
        return base, [others[0], "*"], None
    if kind < 0.92:
        return base + others[0], [others[1] + others[2]], None
    if kind < 0.98:
        return base, [rng.choice(["<DEL>", "<DUP>"])], position + rng.randint(50, 5000)
    return base, [f"{base}]2:{position + 7000}]"], None


def _genotype(rng: random.Random, contig: str, sample: int, alleles: int) -> list[str]:
    """The parts of a GT: alleles, and between them the separator."""

    def allele(chance_missing: float) -> str:
        if rng.random() < chance_missing:
            return "."
        return "0" if rng.random() < 0.6 else str(rng.randrange(alleles))

    if contig == "MT" or (contig == "X" and sample % 2):
        return [allele(0.08)]
    separator = rng.choice("|/")
    if rng.random() < 0.06:
        return [".", separator, "."]
    return [allele(0.02), separator, allele(0.02)]


def _format_value(rng: random.Random, key: str, genotype: list[str], alleles: int, *, certain: bool) -> str:
    if key == "GT":
        return "".join(genotype)
    if not certain and key not in {"GP", "DS", "GL"} and rng.random() < 0.12:
        return "."
    if key == "CN":
        return rng.choice(["2", "1.5", "0.125", "3.40282e+38", "1e-10", "-0.5"])
    if key == "FT":
        return rng.choice(["PASS", "q10", "s50"])
    if key == "TAGS":
        return ",".join(rng.sample(["new", "old", "borrowed", "blue"], rng.randint(1, 3)))
    if key in {"BASE", "ENDS"}:
        return ",".join(rng.choices(BASES, k=1 if key == "BASE" else 2))
    if key in {"GP", "DS", "GL"}:
        count = {"GP": 3, "DS": alleles - 1, "GL": alleles * (alleles + 1) // 2}[key]
        return ",".join(f"{rng.randint(-400, 400) / 256:g}" for _ in range(count))
    ploidy = len(genotype[::2])
    count = {"AD": alleles, "HQ": 2, "EC": alleles - 1, "LAGS": rng.randint(1, 4)}.get(key, 1)
    if key == "PL":
        count = alleles if ploidy == 1 else alleles * (alleles + 1) // 2
    values = [str(_integer(rng, key)) for _ in range(count)]
    if count > 1 and not certain and rng.random() < 0.1:
        values[rng.randrange(count)] = "."
    return ",".join(values)


def _integer(rng: random.Random, key: str) -> int:
    if key == "LAGS":
        return rng.choice([-100_000, -3, 0, 7, 128, 40_000, 2_000_000_000])
    return rng.randint(0, 99 if key in {"GQ", "HQ"} else 300)


def _info(rng: random.Random, alts: list[str], end: int | None, genotypes: list[list[str]]) -> str:
    called = [allele for genotype in genotypes for allele in genotype[::2] if allele != "."]
    counts = [called.count(str(number)) for number in range(1, len(alts) + 1)]
    alleles = len(alts) + 1
    odds = [f"{rng.randint(-99, 99) / 8:g}" for _ in range(alleles * (alleles + 1) // 2)]
    per_alt = {
        "AC": ",".join(map(str, counts)),
        "AF": ",".join(f"{count / max(len(called), 1):.4g}" for count in counts),
        "CSQ": ",".join(["intron", *(rng.choice(["missense", "."]) for _ in alts[1:])]),
    }
    values = {
        "NS": str(sum(set(genotype[::2]) != {"."} for genotype in genotypes)),
        "AN": str(len(called)),
        **(per_alt if alts else {}),
        "DP": str(rng.randint(0, 5000)),
        "MQ": rng.choice(["60", "59.97", "0.001", "1e-07", "12345.7"]),
        "MQ0": str(rng.randint(0, 40)),
        "DB": "",
        "1000G": "",
        "AA": rng.choice(BASES),
        "FLANK": ",".join(rng.choices(BASES, k=2)),
        "GENE": f"GENE{rng.randint(1, 40)}",
        "KIND": ",".join(rng.choice(["ancestral", "derived"]) for _ in range(alleles)),
        "PUBS": ",".join(f"pmid:{rng.randint(10**6, 10**7)}" for _ in range(rng.randint(1, 3))),
        "DPR": ",".join(str(rng.randint(0, 400)) for _ in range(alleles)),
        "BIAS": f"{rng.randint(0, 99) / 4:g},{rng.randint(0, 99) / 4:g}",
        "odds_raw": ",".join(odds),
        "DIST": ",".join(str(rng.choice([-50_000, -3, 0, 12, 70_000])) for _ in range(rng.randint(1, 4))),
    }
    kept = {
        key: value
        for key, value in values.items()
        if rng.random() < (0.9 if key in {"NS", "AN", "AC"} else 0.4)
    }
    if end is not None:
        kept |= {
            "END": str(end),
            "SVTYPE": alts[0].strip("<>"),
            "CIPOS": f"-{rng.randint(3, 90)},{rng.randint(0, 90)}",
        }
    return ";".join(f"{key}={value}" if value else key for key, value in sorted(kept.items())) or "."


def write_vcf(path: Path) -> None:
    """Write the VCF, compressed with BGZF, and its index."""
    command = ["bcftools", "view", "--no-version", "--output-type", "z", "--output", str(path), "-"]
    subprocess.run(command, input=vcf_text().encode(), check=True)
    subprocess.run(["bcftools", "index", "--force", "--csi", str(path)], check=True)


def convert(vcf: Path, store: Path) -> None:
    """Convert a VCF to a VCF Zarr directory with small chunks, several along each axis."""
    from bio2zarr import vcf as bio2zarr_vcf

    bio2zarr_vcf.convert(
        [str(vcf)], str(store), variants_chunk_size=VARIANT_CHUNK, samples_chunk_size=SAMPLE_CHUNK
    )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def write_zip(folder: Path, path: Path) -> None:
    """Put a store into a zip file, stored, with fixed dates, so that equal stores give equal files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in _files(folder):
            name = zipfile.ZipInfo(file.relative_to(folder).as_posix(), date_time=(1980, 1, 1, 0, 0, 0))
            archive.writestr(name, file.read_bytes())


def main(folder: Path) -> None:
    """Make the three files."""
    vcf = folder / "example.vcf.gz"
    write_vcf(vcf)
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary) / "example.vcz"
        convert(vcf, store)
        write_zip(store, folder / "example.vcz.zip")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
