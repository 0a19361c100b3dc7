"""Parts of a cohort of 20,000 samples and 18,000 variants: predicates, regions, samples, computed fields.

Every way gives the number of variants and a checksum of its answer, which were compared before timing; "all
columns, no filter" reads what the predicate-first scan avoids, and is there as a measure, not as a peer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import selecting
import streaming
from harness import Call, Isolated, Report, Result, Way, compare, program
from stores import store

GENOTYPES = ["variant_position", "call_genotype"]
THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def same(left: Any, right: Any) -> bool:
    """Equal answers, as far as a way tells them."""
    return all(left[name] == right[name] for name in left.keys() & right.keys())


def ways(path: str, fields: Sequence[str], asked: Mapping[str, Any], *, zarr: bool = True) -> list[Way]:
    """vczero, vcztools where it is installed, zarr-python where it can do the task."""
    found: list[Way] = [Call("vczero", partial(selecting.vczero, path, fields, asked))]
    vcztools = program("vcztools")
    if vcztools:
        python = str(Path(os.path.realpath(Path(vcztools).parent)) / "python")
        found.append(Isolated("vcztools", "selecting:vcztools", [path, fields, asked], python=python))
    if zarr:
        found.append(Call("zarr-python", partial(selecting.zarr_python, path, fields, asked)))
    return found


def polars_bio(fields: Sequence[str], asked: Mapping[str, Any]) -> list[Way]:
    """polars-bio, where it is installed: it reads no version of the format but 0.4."""
    if find_spec("polars_bio") is None:
        return []
    path = str(store("cohort.v04.vcz"))
    return [Isolated("polars-bio", "selecting:polars_bio", [path, fields, asked])]


def predicates(report: Report, path: str) -> None:
    """INFO predicates that 0, 1, 50 and 100 % of the variants survive, and genotypes."""
    for percent in (0, 1, 50, 100):
        asked = {"predicate": {"percent": percent}}
        every = Call("all columns, no filter", partial(selecting.read_then_drop, path, GENOTYPES, asked))
        compared: list[Way] = [*ways(path, GENOTYPES, asked), every]
        result = report.add(
            compare(f"Predicate on POS, {percent} % pass, genotypes", compared, same=_same_if_checked)
        )
        speed = result.ratio("all columns, no filter", "vczero")
        if percent == 1:
            report.goal("1 % survivors, times as fast as reading everything", speed, at_least=5)
        if percent == 100:
            slower = result.ratio("vczero", "all columns, no filter")
            report.goal("100 % survivors, of the time of reading everything", slower, at_most=1.1)


def _same_if_checked(left: Any, right: Any) -> bool:
    return same(left, right) if "checksum" in left and "checksum" in right else True


def format_predicate(report: Report, path: str) -> None:
    """A predicate on FORMAT, and only the columns that it needs."""
    asked = {"predicate": {"depth": 40}}
    every = Call("its column, no filter", partial(selecting.read_then_drop, path, ["call_DP"], asked))
    compared = [*ways(path, ["variant_position"], asked, zarr=False), every]
    result = report.add(compare("Predicate on FORMAT/DP, positions", compared, same=_same_if_checked))
    report.goal(
        "FORMAT predicate, of the time of reading its column",
        result.ratio("vczero", "its column, no filter"),
        at_most=1.5,
    )


def regions(report: Report, path: str) -> Result:
    """One region, and a thousand."""
    position = _positions(path)
    one = {"regions": [f"20:{position[9000]}-{position[9010]}"]}
    result = report.add(
        compare(
            "One region, genotypes",
            [*ways(path, GENOTYPES, one, zarr=False), *polars_bio(GENOTYPES, one)],
            same=same,
        )
    )
    thousand = {"regions": [f"20:{start}-{start}" for start in position[::18].tolist()]}
    report.add(
        compare("1,000 scattered regions, genotypes", ways(path, GENOTYPES, thousand, zarr=False), same=same)
    )
    if peers := result.costs.keys() & {"vcztools", "polars-bio"}:
        best = min(result.ratio(peer, "vczero") or 0 for peer in peers)
        report.goal("one region, times as fast as the best peer", best, at_least=10)
    return result


def _positions(path: str) -> np.ndarray[Any, np.dtype[Any]]:
    import vczero

    with vczero.open(path) as reader:
        return reader.to_arrays(["variant_position"])["variant_position"]


def counts(report: Report, path: str) -> None:
    """AC and AN of everything."""
    fields, asked = ["variant_AC", "variant_AN"], {"recompute": True}
    limit = streaming.CodecLimit(Path(path) / "call_genotype", THREADS)
    expected = selecting.vczero(path, fields, asked)

    def decode() -> Any:
        limit.run()
        return expected

    by_hand = Call("genotypes, then NumPy", partial(selecting.counted_by_hand, path, fields, asked))
    compared = [*ways(path, fields, asked, zarr=False), by_hand, Call("numcodecs, genotypes decoded", decode)]
    result = report.add(compare("AC and AN of all variants", compared, same=same))
    report.goal(
        "AC and AN, times as fast as numcodecs merely decodes",
        result.ratio("numcodecs, genotypes decoded", "vczero"),
        at_least=2.5,
    )


def main() -> None:
    """All tasks of the page."""
    report = Report("Parts of a cohort: predicates, regions, samples, counts")
    cohort, rich = str(store("cohort.vcz")), str(store("rich.vcz"))
    positions = [*ways(cohort, ["variant_position"], {}), *polars_bio(["variant_position"], {})]
    report.add(compare("Positions of the whole store", positions, same=same))
    predicates(report, cohort)
    format_predicate(report, rich)
    regions(report, cohort)
    ten = {"samples": list(range(0, 20_000, 2_000))}
    report.add(
        compare(
            "10 samples of 20,000, genotypes",
            [*ways(cohort, GENOTYPES, ten), *polars_bio(GENOTYPES, ten)],
            same=same,
        )
    )
    counts(report, cohort)
    report.finish()


if __name__ == "__main__":
    main()
