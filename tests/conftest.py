"""What all tests share: oracle programs, required in CI, and the real inputs beside the repository."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip an oracle test whose program is absent; in CI fail it, so that no comparison silently stops."""
    for mark in item.iter_markers("oracle"):
        for program in mark.args or ("bcftools",):
            if shutil.which(program) is not None:
                continue
            if os.environ.get("CI", "").lower() in {"1", "true"}:
                pytest.fail(f"{program} is not installed, and in CI it is required", pytrace=False)
            pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real VCFs and stores, `../shared/data` or `VCZERO_SHARED_DATA`; absent, it skips."""
    folder = Path(os.environ.get("VCZERO_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no shared data beside the repository")
    return folder


@pytest.fixture(scope="session")
def example_store() -> Path:
    """The bundled example store, a zip file."""
    return REPOSITORY / "examples" / "example.vcz.zip"


@pytest.fixture(scope="session")
def example_vcf() -> Path:
    """The VCF that the bundled example store was made from."""
    return REPOSITORY / "examples" / "example.vcf.gz"
