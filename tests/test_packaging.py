"""What is installed and what is released: native modules, types, the command, and the archives that CI
builds."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import vczero

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "vczero"
NATIVE = sorted(path.stem for path in (SOURCE / "_native").glob("*.pyx"))
CONFIGURATION = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def dist() -> Path:
    """The folder where CI built the sdist and the wheel that these tests run against."""
    folder = os.environ.get("VCZERO_TEST_DIST")
    if folder is None:
        pytest.skip("runs against a built wheel (.ci/run)")
    return Path(folder)


def test_every_native_module_is_built_and_typed() -> None:
    """A .pyx that pyproject.toml does not list is missing from every wheel, and only users would notice."""
    extensions = CONFIGURATION["tool"]["setuptools"]["ext-modules"]
    assert sorted(each["name"] for each in extensions) == [f"vczero._native.{name}" for name in NATIVE]
    assert [name for name in NATIVE if not (SOURCE / "_native" / f"{name}.pyi").exists()] == []


@pytest.mark.parametrize("name", NATIVE)
def test_native_modules_are_compiled(name: str) -> None:
    """Each native module imports, and from machine code."""
    module = importlib.import_module(f"vczero._native.{name}")
    assert Path(module.__file__ or "").suffix in {".so", ".pyd"}


def test_versions_agree() -> None:
    """The version stands in pyproject.toml; what the package and its metadata say is that."""
    assert vczero.__version__ == importlib.metadata.version("vczero") == CONFIGURATION["project"]["version"]


def test_the_command_is_installed() -> None:
    """Installing the package installs `vczero`."""
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="vczero")
    assert callable(command.load())


def test_the_package_says_that_it_is_typed() -> None:
    """Without py.typed beside the package, type checkers of those who use it ignore our annotations."""
    assert (Path(vczero.__file__).parent / "py.typed").exists()


def test_the_wheel_is_what_is_tested(dist: Path) -> None:
    """The sources of the repository must not stand in for what the wheel lacks."""
    assert REPOSITORY not in Path(vczero.__file__).resolve().parents


def test_the_wheel_holds_all_modules_and_types_and_nothing_else(dist: Path) -> None:
    """The wheel is the package: all of it, without sources of native code and without tests."""
    (wheel,) = dist.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyi"), SOURCE / "py.typed"]
    sources = {path.relative_to(SOURCE.parent).as_posix() for path in wanted}
    assert sources <= names
    compiled = names - sources
    assert {Path(name).name.partition(".")[0] for name in compiled} == set(NATIVE)
    assert all(name.endswith((".so", ".pyd")) for name in compiled)


def test_the_sdist_builds_but_carries_no_data(dist: Path) -> None:
    """The sdist holds what a build needs (the wheel was built from it), and neither tests nor stores."""
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"src/vczero/_native/{name}.pyx" for name in NATIVE} <= names
    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert [name for name in names if name.startswith(("tests", "examples", "benchmarks"))] == []


def test_the_package_imports_in_a_bare_interpreter(tmp_path: Path) -> None:
    """`import vczero` needs nothing of the folder it is run in."""
    code = "import vczero; print(vczero.__version__)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == CONFIGURATION["project"]["version"]
