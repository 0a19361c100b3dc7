"""The rooms of docs/design.md, enforced: arrows, words and sizes, and what importing the package costs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "vczero"
SOURCES = sorted(PACKAGE.rglob("*.py"))
NATIVE_SOURCES = sorted(path for path in PACKAGE.rglob("*.p*") if path.suffix in {".pyx", ".pxd", ".pxi"})

BASE = {"errors", "strings", "kernels"}
# Room -> what it may import: a room, or one module of it. The table "Rooms" of docs/design.md.
ARROWS = {
    "errors": set[str](),
    "strings": {"errors", "kernels.strings"},
    "kernels": {"errors", "strings", "_native"},
    "_native": set[str](),
    "chunks": BASE,
    "vcz": BASE,
    "formats": {"errors", "strings", "kernels", "vcz.schema", "vcz.predicates"},
    "cli": {"errors", "formats", "vcz", "chunks.stores", "chunks.secrets"},
    "__main__": {"cli"},
}
CROSSING = {
    f"vcz.{name}"
    for name in ("reader", "planner", "columnar", "selector", "plan", "layout", "scan", "catalog")
}
CROSSED = {
    f"chunks.{name}"
    for name in (
        "metadata",
        "grid",
        "blocks",
        "columns",
        "counts",
        "joined",
        "paircodes",
        "stores",
        "steps",
        "runtime",
    )
}

GENOMICS = set(
    re.findall(
        r"\w+",
        """
        allele alleles bcf bcftools bgen chrom chromosome chromosomes contig contigs diploid gene genes genome
        genomes genomic genomics genotype genotypes haploid haplotype haplotypes indel indels loci locus
        phased phasing plink ploidy sample samples snp snps variant variants vcf vcz
        """,
    )
)

LONGEST_MODULE, LONG_MODULE, LONGEST_FUNCTION = 450, 400, 70


def module_name(path: Path) -> str:
    """The module's name below `vczero`: `chunks.blocks`; "" for the package itself."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in [*SOURCES, *NATIVE_SOURCES]}


def room_of(module: str) -> str:
    return module.partition(".")[0]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of all that a file imports: at the top, in functions, for types, by name."""
    package = ["vczero", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def our_modules(path: Path) -> Iterator[tuple[int, str]]:
    """Line and name below `vczero` of each of our own modules that a file imports."""
    for line, name in imports(path):
        if name.split(".")[0] != "vczero":
            continue
        below = name.removeprefix("vczero").lstrip(".")
        while below and below not in MODULES:
            below = below.rpartition(".")[0]
        yield line, below


def allowed(source: str, target: str) -> bool:
    """Whether the design has an arrow from module `source` to module `target`."""
    if source == "kernels.strings":  # below `strings`, which is below the other kernels
        return room_of(target) == "_native"
    if room_of(source) == room_of(target):
        return True
    if source in CROSSING and target in CROSSED:
        return True
    return any(target == name or target.startswith(name + ".") for name in ARROWS[room_of(source)])


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_follow_the_arrows_between_rooms(path: Path) -> None:
    """An import against the arrows, lazy or only for types, couples rooms that are meant to be read apart."""
    source = module_name(path)
    if source == "":  # the package gives the public names of every room
        return
    wrong = [
        f"{source}:{line} imports vczero.{target}".rstrip(".")
        for line, target in our_modules(path)
        if target != "" and not allowed(source, target)
    ]
    assert not wrong


def test_every_room_is_in_the_table() -> None:
    """A room that the table of arrows does not know would be free to import anything."""
    assert {room_of(name) for name in MODULES} - {""} <= set(ARROWS)


@pytest.mark.parametrize("path", NATIVE_SOURCES, ids=module_name)
def test_native_code_knows_no_objects_of_ours(path: Path) -> None:
    """Native modules see arrays and bytes; an import of a room would make them depend on it."""
    found = re.findall(
        r"^\s*c?import\s+vczero\S*|^\s*from\s+(?:vczero|\.\.)\S*\s", path.read_text(), re.MULTILINE
    )
    assert [line for line in found if "_native" not in line] == []


def words(text: str) -> set[str]:
    """The words of a text, identifiers taken apart at underscores and capitals, in lower case."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text)}


@pytest.mark.parametrize("path", sorted((PACKAGE / "chunks").rglob("*.py")), ids=module_name)
def test_chunks_know_no_genomics(path: Path) -> None:
    """Room 1 is a Zarr reader: a word of genomics there is a rule that belongs in another room."""
    found = words(path.read_text(encoding="utf-8")) & GENOMICS
    assert found == set()


def test_the_search_for_words_finds_them() -> None:
    """The check above would pass for ever if words were cut wrongly."""
    assert words("class VcfSample: num_variants; HTTPStore") == {
        "class", "vcf", "sample", "num", "variants", "http", "store",
    }  # fmt: skip


@pytest.mark.parametrize("path", [*SOURCES, *NATIVE_SOURCES], ids=module_name)
def test_modules_can_be_read_in_one_sitting(path: Path) -> None:
    """Past 400 lines a module deserves a hard look (a warning); past 450 it has to be divided."""
    lines = len(path.read_text(encoding="utf-8").splitlines())
    if lines > LONG_MODULE:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn(f"{module_name(path)} has {lines} lines", stacklevel=1)
    assert lines <= LONGEST_MODULE


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_functions_are_short(path: Path) -> None:
    """A function that does not fit on a screen does more than one thing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


def test_there_is_no_drawer_for_everything() -> None:
    """A module called utils grows without a subject."""
    assert [name for name in MODULES if re.search(r"(^|\.)(utils?|helpers?|common|misc)$", name)] == []


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    """Printing, click and exit codes in a library decide what is not theirs to decide."""
    if room_of(module_name(path)) == "cli":
        return
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"print", "sys.exit", "exit", "quit"}
    ]
    assert calls == []
    assert [line for line, name in imports(path) if name.split(".")[0] == "click"] == []


def test_importing_vczero_is_cheap() -> None:
    """Names are imported when used: asking for the version must not load a codec library or an event loop."""
    code = "import sys, vczero; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "vczero" in loaded
    assert not loaded & {"zarr", "pandas", "asyncio", "numcodecs", "click", "fsspec", "obstore", "icechunk"}


@pytest.mark.parametrize(
    "arguments", [["--version"], ["query", "-f", "%POS\\n", "{store}"], ["view", "{store}"]]
)
def test_the_command_line_on_a_local_store_loads_nothing_slow(
    arguments: list[str], example_store: Path
) -> None:
    """zarr-python, pandas, an event loop or numcodecs would cost more than the whole of a small query."""
    argv = [argument.format(store=example_store) for argument in arguments]
    code = (
        "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from vczero.cli.commands import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert "click" in loaded
    slow = {"zarr", "numcodecs", "pandas", "asyncio", "anyio", "fsspec", "obstore", "icechunk", "pyparsing"}
    assert not loaded & slow
