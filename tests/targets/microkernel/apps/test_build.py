"""The cores compile for the guest as they are, without a warning."""

import shutil
from pathlib import Path

import pytest

from tests.targets.microkernel.apps.conftest import make


def test_cores_compile_for_the_guest(tmp_path: Path) -> None:
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("no arm-none-eabi-gcc: install gcc-arm-none-eabi")
    make("cross", f"B={tmp_path}")


def test_cores_compile_with_clang(tmp_path: Path) -> None:
    if not shutil.which("clang"):
        pytest.skip("no clang")
    make("all", "CC=clang", f"B={tmp_path}")
