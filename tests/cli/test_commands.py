"""The command line: options, exit codes, complaints, and output that is whole or not there."""

from __future__ import annotations

import gc
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.command import MAIN, argv, output, process, raw_output, vczero
from support.vcz_builder import build_vcz, example_columns
from vczero.cli.options import READING, SELECTION
from vczero.cli.query import query
from vczero.cli.running import opened
from vczero.vcz.reader import VczReader


def complaint(*arguments: str | Path, code: int = 1) -> str:
    """The one line that a failing command writes, without its beginning; nothing on standard output."""
    done = vczero(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("vczero: error: ")
    return done.stderr.removeprefix("vczero: error: ").rstrip()


def test_version_and_help() -> None:
    """Both answer on standard output, and every command has help."""
    import vczero as package

    assert vczero("--version").stdout == f"vczero {package.__version__}\n"
    assert "Records:" in vczero("--help").stdout
    for command in ("view", "query", "index"):
        done = vczero(command, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"Usage: vczero {command}")


@pytest.mark.parametrize(
    ("arguments", "slow"),
    [
        (["--version"], {"zarr", "pandas", "asyncio", "numpy", "importlib.metadata"}),
        (
            ["query", "-f", r"%CHROM\t%POS[ %GT]\n"],
            {"zarr", "pandas", "asyncio", "fsspec"},
        ),
        (["view"], {"zarr", "pandas", "asyncio", "fsspec"}),
    ],
)
def test_what_is_slow_is_not_imported(arguments: list[str], slow: set[str], example_store: Path) -> None:
    """Neither zarr-python nor pandas nor an event loop stand between a user and a local store."""
    stores = [] if arguments == ["--version"] else [str(example_store)]
    code = MAIN.replace("; main()", "") + (
        "\ntry: main()\nfinally: print('loaded:', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments, *stores], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.partition("loaded:")[2].split())
    assert "vczero.cli.commands" in loaded
    assert loaded & slow == set()


def test_garbage_is_collected_once_a_store_is_open(example_store: Path) -> None:
    """Start-up is spared it, a long command is not; nor is who calls `main` and goes on."""
    assert vczero("--version").returncode == 0
    assert gc.isenabled()
    with query.make_context("query", [str(example_store)]) as context:
        reading = {name: value for name, value in context.params.items() if name in (*SELECTION, *READING)}
        gc.disable()
        try:
            with opened(str(example_store), reading):
                assert gc.isenabled()
        finally:
            gc.enable()


def test_a_query_reads_the_columns_that_it_names(tmp_path: Path) -> None:
    """Printing positions reads positions: everything else may be missing from the store's chunks."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(30, 4), chunks={"variants": 10})
    expected = output("query", "-f", r"%POS\n", path)
    for array in path.iterdir():
        if array.is_dir() and array.name != "variant_position":
            for chunk in array.iterdir():
                if not chunk.name.startswith(".z"):
                    chunk.write_bytes(b"not a chunk")
    assert output("query", "-f", r"%POS\n", path) == expected
    assert vczero("query", "-f", r"%ID\n", path).returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["view", "nowhere.vcz"], "nowhere.vcz"),
        (["query", "-f", "%POS", "nowhere.vcz"], "nowhere.vcz"),
        (["index", "-n", "nowhere.vcz"], "nowhere.vcz"),
    ],
)
def test_no_such_store(arguments: list[str], message: str) -> None:
    """The path is in the message, and that it might be a file."""
    assert f"{message}: no such directory or file" in complaint(*arguments)


def test_what_is_no_store(tmp_path: Path) -> None:
    """A file, an empty folder, and a Zarr group without variants each say what they are not."""
    import zarr

    (tmp_path / "file.vcz").write_text("##fileformat=VCFv4.2\n")
    (tmp_path / "empty.vcz").mkdir()
    zarr.create_group(tmp_path / "group.vcz", zarr_format=2)
    for name in ("file.vcz", "empty.vcz", "group.vcz"):
        assert name in complaint("view", tmp_path / name)


def test_unknown_tags(example_store: Path) -> None:
    """The tag is named, and tags of nearly that name; with -u it prints as missing."""
    assert "GENES" in complaint("query", "-f", "%GENES", example_store)
    assert "GENE" in complaint("query", "-f", "%INFO/GENES", example_store)
    assert complaint("query", "-f", "[%NOPE]", example_store).count("FORMAT") == 1
    assert set(output("query", "-u", "-f", r"%NOPE[%NOPE]\n", example_store).split()) == {"." * 26}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("%CHROM[ %GT", 6),
        ("%POS]", 4),
        ("[%GT [%DP]]", 5),
        ("%POS %", 5),
        ("x%!y", 1),
        (r"%POS\n%INFO/", 6),
        ("%CHROM %GT", 7),
        ("%DP %SAMPLE", 4),
        ('[%N_PASS(GT="alt")]', 1),
        ("%POS %N_PASS(QUAL>10)", 5),
        ("%POS %N_PASS", 12),
        ("%POS %N_PASS(GT", 12),
    ],
)
def test_bad_formats_are_shown_with_a_caret(text: str, place: int, example_store: Path) -> None:
    """One line says what is wrong; under it the format, and a caret at the place."""
    done = vczero("query", "-f", text, example_store)
    assert (done.returncode, done.stdout) == (1, "")
    error, shown, caret = done.stderr.splitlines()
    assert error.startswith("vczero: error: query format: ")
    assert shown == f"  {text}"
    assert caret == "  " + " " * place + "^"


@pytest.mark.parametrize(
    "arguments",
    [
        ["view"],
        ["nonsense"],
        ["view", "--nonsense", "x"],
        ["query", "x"],
        ["query", "-l", "-f", "%POS", "x"],
        ["query", "-f", "%POS"],
        ["query", "-f", "%POS", "-v", "nowhere"],
        ["query", "-f", "%POS", "-v", "nowhere", "x"],
        ["index", "x"],
        ["index", "-n", "-s", "x"],
        ["view", "-h", "-H", "x"],
        ["view", "--io-concurrency", "0", "x"],
        ["view", "--decode-threads", "0", "x"],
        ["view", "--readahead-buffer-size", "many", "x"],
        ["view", "--storage-option", "novalue", "x"],
        ["view", "-m", "two", "x"],
        ["view", "-r", "1", "x", "2"],
        ["completion"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    """Before any store is opened."""
    complaint(*arguments, code=2)


def test_output_to_a_file(tmp_path: Path, example_store: Path) -> None:
    """The same bytes as on standard output; an existing file is replaced and keeps its mode."""
    target = tmp_path / "out.vcf"
    target.write_text("old")
    target.chmod(0o640)
    done = vczero("view", "--no-version", "-o", target, example_store)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert target.read_text() == output("view", "--no-version", example_store)
    assert target.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["out.vcf"]


def test_a_failure_in_mid_stream_leaves_no_file(tmp_path: Path) -> None:
    """A damaged chunk far into the store: an error, the old file as it was, nothing beside it."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(200, 4), chunks={"variants": 10})
    target = tmp_path / "out" / "a.vcf"
    target.parent.mkdir()
    target.write_text("old")
    (path / "variant_position" / "15").write_bytes(b"damaged")
    message = complaint("view", "-o", target, path)
    assert "variant_position" in message
    assert [(file.name, file.read_text()) for file in target.parent.iterdir()] == [("a.vcf", "old")]
    done = vczero("view", path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["view"], ["query", "-f", r"%POS\n"], ["query", "-l"]])
def test_the_store_is_not_replaced_by_the_output(
    command: list[str], tmp_path: Path, example_store: Path
) -> None:
    """`-o` with the store's own name, however it is spelled, leaves the store alone."""
    store, alias = tmp_path / "a.vcz.zip", tmp_path / "b.vcz.zip"
    store.write_bytes(example_store.read_bytes())
    alias.symlink_to(store)
    for name in (store, alias):
        assert complaint(*command, "-o", name, store, code=2) == (
            f"--output: {name} is the store that is read; name another file"
        )
    assert store.read_bytes() == example_store.read_bytes()
    assert sorted(tmp_path.iterdir()) == [store, alias]


def test_output_that_cannot_be_written(tmp_path: Path, example_store: Path) -> None:
    """A folder that is not there, a folder in the file's place, a full disk."""
    assert "no/such" in complaint("view", "-o", tmp_path / "no/such/out.vcf", example_store)
    complaint("view", "-o", tmp_path, example_store)
    if os.path.exists("/dev/full"):
        assert "/dev/full" in complaint("view", "-o", "/dev/full", example_store)
        with open("/dev/full", "wb") as full:
            done = process("view", example_store, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1
        assert re.fullmatch(r"vczero: error: cannot write standard output: .*\n", done.stderr)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a POSIX shell and a full device")
@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("view {store} >&-", 1, "vczero: error: cannot write standard output: .*\n"),
        ("view --no-version -o {out} {store} >&- 2>&- <&-", 0, ""),
        ("--version >/dev/full", 1, "vczero: error: cannot write standard output: .*\n"),
    ],
)
def test_standard_streams_that_are_closed_or_full(
    given: str, code: int, said: str, example_store: Path, tmp_path: Path
) -> None:
    """An error if it is the output; else no matter, and no file that is opened is taken for one of them."""
    command = f"exec {shlex.join(argv())} {given.format(store=example_store, out=tmp_path / 'out.vcf')}"
    done = subprocess.run(["sh", "-c", command], check=False, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == code
    assert re.fullmatch(said, done.stderr)
    if code == 0:
        assert (tmp_path / "out.vcf").read_bytes() == raw_output("view", "--no-version", example_store)


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
@pytest.mark.parametrize("command", [["view"], ["query", "-f", r"[%SAMPLE %GT %AD %PL\n]"]])
def test_a_closed_pipe_is_quiet(command: list[str], example_store: Path) -> None:
    """`vczero ... | head -1` ends soon, says nothing, and is not a success."""
    with subprocess.Popen(
        argv(*command, example_store), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        assert process.wait(60) == 141
        assert process.stderr.read() == b""


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C while the output waits for its reader: one line, exit code 130, no file."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(2000, 20), chunks={"variants": 100})
    with subprocess.Popen(argv("view", path), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        os.read(process.stdout.fileno(), 10)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == b"vczero: error: interrupted\n"


@pytest.mark.skipif(os.name != "posix", reason="pipes and signals of POSIX")
@pytest.mark.parametrize("command", [["view", "-Oz"], ["query", "-f", "[%GT]"]])
def test_interrupt_while_a_file_is_written(command: list[str], tmp_path: Path) -> None:
    """Ctrl-C in the middle of what would take long: at once, and the file begun is gone."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(200, 4), chunks={"variants": 200})
    for document in path.glob("[vc]a*_*/.zarray"):
        array = json.loads(document.read_text())
        array["shape"][0] = 10**8  # the chunks that are not there are full of fill values
        document.write_text(json.dumps(array))
    target = tmp_path / "out" / "a.vcf"
    target.parent.mkdir()
    given = argv(*command, "-o", target, path)
    with subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not [file for file in target.parent.iterdir() if file.stat().st_size]:
            assert process.poll() is None
        assert [file.name.startswith(".a.vcf") for file in target.parent.iterdir()] == [True]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"vczero: error: interrupted\n"
    assert list(target.parent.iterdir()) == []


def test_index_counts_without_region_index(tmp_path: Path) -> None:
    """With and without `region_index` the same; -a lists contigs without records; lengths may be unknown."""
    columns = example_columns(100, 2)
    columns["contig_id"] = np.array([*columns["contig_id"], "empty"], dtype=columns["contig_id"].dtype)
    columns["contig_length"] = np.append(columns["contig_length"], 5)
    with_index = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 30}, region_index=True)
    without = build_vcz(tmp_path / "b.vcz", columns, chunks={"variants": 30})
    counts = np.bincount(columns["variant_contig"], minlength=4)
    expected = [f"{name}\t{length}\t{n}" for name, length, n in zip(
        columns["contig_id"], columns["contig_length"], counts, strict=True
    )]  # fmt: skip
    assert "variant_contig" in output("index", "-s", "--explain", without)
    for path in (with_index, without):
        assert output("index", "-s", path).splitlines() == expected[:3]
        assert output("index", "-s", "-a", path).splitlines() == expected
        assert output("index", "-n", path) == "100\n"
    del columns["contig_length"]
    bare = build_vcz(tmp_path / "c.vcz", columns)
    assert output("index", "-s", bare).split("\t")[1] == "."


@pytest.mark.parametrize(
    "absent",
    [
        ["filter_id", "filter_description", "variant_filter"],
        ["call_genotype_phased"],
        ["variant_id"],
        ["variant_quality"],
        ["variant_length"],
        ["contig_length"],
    ],
)
def test_stores_that_lack_an_array(tmp_path: Path, absent: list[str]) -> None:
    """As tree sequences and PLINK files give them: every command works, and what is absent is "."."""
    columns = {k: v for k, v in example_columns(20, 3).items() if k not in absent}
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 7, "samples": 2})
    lines = [line.split("\t") for line in output("view", "-H", path).splitlines()]
    assert len(lines) == 20
    if "variant_id" in absent:
        assert {line[2] for line in lines} == {"."}
    if "variant_quality" in absent:
        assert {line[5] for line in lines} == {"."}
    if "variant_filter" in absent:
        assert {line[6] for line in lines} == {"."}
    if "call_genotype_phased" in absent:
        assert not any("|" in call.partition(":")[0] for line in lines for call in line[9:])
    query = output("query", "-f", r"%CHROM %POS %ID %QUAL %FILTER %END[ %GT]\n", path)
    assert len(query.splitlines()) == 20
    assert output("index", "-n", path) == "20\n"


@pytest.mark.parametrize(("variants", "samples"), [(0, 3), (5, 0), (0, 0)])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_no_variants_or_no_samples(tmp_path: Path, variants: int, samples: int, zarr_format: int) -> None:
    """A header always, a line for each variant there is, no FORMAT column without samples."""
    path = build_vcz(tmp_path / "a.vcz", example_columns(variants, samples), zarr_format=zarr_format)
    lines = output("view", path).splitlines()
    records = [line for line in lines if not line.startswith("#")]
    assert len(records) == variants
    assert len(lines[len(lines) - variants - 1].split("\t")) == (9 + samples if samples else 8)
    assert all(len(line.split("\t")) == 8 for line in records)
    assert output("query", "-f", r"%POS[ %GT]\n", path).count("\n") == variants
    assert output("query", "-l", path).count("\n") == samples
    assert output("index", "-n", path) == f"{variants}\n"


def test_null_samples_are_not_written(tmp_path: Path) -> None:
    """A sample without a name is a placeholder: no column, no call."""
    columns = example_columns(10, 4)
    full = output("view", "-H", build_vcz(tmp_path / "full.vcz", columns, chunks={"samples": 3}))
    columns["sample_id"] = np.array(["S0", "", "S2", ""], dtype=columns["sample_id"].dtype)
    path = build_vcz(tmp_path / "null.vcz", columns, chunks={"samples": 3})
    assert output("query", "-l", path) == "S0\nS2\n"
    assert output("query", "-f", r"[%GT;]\n", path) == "".join(
        f"{row[9].split(':')[0]};{row[11].split(':')[0]};\n"
        for row in (line.split("\t") for line in full.splitlines())
    )


@pytest.mark.parametrize(
    "options",
    [
        ["-v", "snips"],
        ["-c", "1:most"],
        ["-q", "much"],
        ["-g", "homo"],
        ["-k", "-n"],
        ["-u", "-U"],
        ["-p", "-P"],
        ["-i", "QUAL>1", "-e", "QUAL>1"],
        ["-i", "QUAL>1", "-i", "QUAL>2"],
        ["-s", "NA00001", "-S", "file"],
        ["-t", "1", "-T", "file"],
        ["-r", "1", "-R", "file"],
        ["-v", "snps", "-V", "indels"],
        ["-x", "-X", "-s", "NA00001"],
        ["-x"],
    ],
)
def test_options_that_make_no_sense_together_or_alone(options: list[str], example_store: Path) -> None:
    """Each is one line and exit code 2, before anything is printed."""
    complaint("view", *options, example_store, code=2)


@pytest.mark.parametrize(
    ("options", "name"), [("-c x", "--min-ac: "), ("-v snips", "--types: "), ("-g homo", "--genotype: ")]
)
def test_messages_name_options_as_they_are_typed(options: str, name: str, example_store: Path) -> None:
    """Not as Python has them."""
    assert complaint("view", *options.split(), example_store, code=2).startswith(name)


@pytest.mark.parametrize(
    "options", [["-s", "NOBODY"], ["-r", "1:x"], ["-R", "nowhere.bed"], ["-S", "nowhere"]]
)
def test_selections_that_cannot_be_made(options: list[str], example_store: Path) -> None:
    """Unknown samples, malformed regions, files that are not there."""
    complaint("view", *options, example_store)
    complaint("query", "-f", "%POS", *options, example_store)


def test_tests_of_sites_without_what_they_test(tmp_path: Path) -> None:
    """No IDs: no site is known. No filters: all pass ".". No genotypes: an error."""
    gone = {"variant_id", "variant_filter", "filter_id", "filter_description", "call_genotype"}
    columns = {k: v for k, v in example_columns(20, 3).items() if k not in gone}
    path = build_vcz(tmp_path / "a.vcz", columns)
    for options, count in ((["-k"], 0), (["-n"], 20), (["-f", "PASS"], 0), (["-f", ".,PASS"], 20)):
        assert output("view", "-H", *options, path).count("\n") == count
    assert "genotypes" in complaint("view", "-g", "het", path, code=2)


def test_several_stores_one_after_the_other(example_store: Path, tmp_path: Path) -> None:
    """`query` of two stores prints the one and then the other, with one line of names."""
    other = build_vcz(tmp_path / "a.vcz", example_columns(5, 2))
    query = ["query", "-H", "-f", r"%CHROM %POS\n"]
    both = output(*query, example_store, other).splitlines()
    assert both == output(*query, example_store).splitlines() + output(*query, other).splitlines()[1:]
    (tmp_path / "list").write_text(f"{example_store}\n\n{other}\n")
    assert output(*query, "-v", tmp_path / "list").splitlines() == both
    (tmp_path / "list").write_bytes(b"\xff")
    assert complaint(*query, "-v", tmp_path / "list", code=2).endswith("list is not text")


def test_explain(example_store: Path) -> None:
    """The plan in place of the output: only the arrays that the format names."""
    plan = output("query", "--explain", "-f", r"%POS[ %GT]\n", "-r", "1", example_store)
    assert "variant_position" in plan
    assert "call_genotype_phased" in plan
    assert "variant_id" not in plan
    assert "call_PL" in output("view", "--explain", example_store)
    assert "nothing is scanned" in output("index", "-n", "--explain", example_store)
    assert "region_index" in output("index", "-s", "--explain", example_store)


def test_a_header_after_all(example_store: Path) -> None:
    """--with-header undoes -h and -H, as for a command line that was begun by another program."""
    whole = output("view", "--no-version", example_store)
    for option in ("-h", "-H"):
        assert output("view", "--no-version", option, "--with-header", example_store) == whole


def test_the_command_is_in_the_header(example_store: Path) -> None:
    """As bcftools notes itself; `--no-version` leaves it out."""
    done = process("view", "-h", example_store).stdout
    assert f"##vczero_viewCommand=view -h {example_store}; Date=" in done
    assert "##vczero_viewVersion=" in done
    assert "vczero" not in output("view", "-h", "--no-version", example_store)


@pytest.mark.skipif(os.name != "posix", reason="arguments of any bytes")
def test_arguments_that_are_not_utf8(example_store: Path, tmp_path: Path) -> None:
    """Python hands such bytes over as surrogates: they are printed as they are, and legible in headers."""
    header = output("view", "-h", "-r", "\udcff", example_store)
    assert "-r '?'" in header
    done = vczero(
        "query", "-f", "\udcff%POS", "-i", 'ID!="\udcff" && GT!="\udcff"', "-r", "1:1-400000", example_store
    )
    assert (done.written, done.stderr) == (b"\xff317101\n", "")
    stem = tmp_path / "\udcff"
    output("view-bgen", "-r", "1:1-400000", "-o", stem, example_store)
    assert (tmp_path / "\udcff.bgen.bgi").exists()


def test_half_a_character_in_the_metadata(tmp_path: Path) -> None:
    """JSON may hold one; a header cannot."""
    attrs = {"vcf_zarr_version": "0.4", "vcf_meta_information": [["reference", "half \ud800"]]}
    path = build_vcz(tmp_path / "a.vcz", example_columns(3, 2), attrs=attrs)
    assert "##reference=half ?\n" in output("view", "-h", path)


def test_a_store_of_many_chunks_comes_in_order(tmp_path: Path) -> None:
    """Workers finish in any order; lines come in the store's."""
    columns = example_columns(500, 6)
    path = build_vcz(tmp_path / "a.vcz", columns, chunks={"variants": 7, "samples": 4})
    positions = output("query", "-f", r"%POS\n", "--decode-threads", "4", path).split()
    assert positions == [str(p) for p in columns["variant_position"]]
    with VczReader(path) as reader:
        assert reader.num_variants == 500
