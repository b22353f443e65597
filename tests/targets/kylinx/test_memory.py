"""The monitor's memory side under a real vCPU: the C test beside this file, built and run."""

import functools
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HERE = Path(__file__).parent
MONITOR = HERE.parents[2] / "targets" / "kylinx" / "monitor"
PARTS = (
    "range",
    "memslots",
    "share",
    "arena",
    "tables",
    "walk",
    "commons",
    "libos_load",
    "space",
    "fault",
    "cow",
    "fork",
    "ahead",
    "kept",
)
SKIPPED = 77


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("memory")
    return functools.cache(lambda name: build_memory_program(name, folder))


def build_memory_program(name: str, folder: Path) -> Path:
    made = folder / name
    flags = ["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-D_GNU_SOURCE"]
    sources = [str(HERE / f"{name}.c"), *(str(MONITOR / f"{part}.c") for part in PARTS)]
    subprocess.run(["gcc", *flags, f"-I{MONITOR}", "-o", str(made), *sources, "-lpthread"], check=True)
    return made


def _run(program: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, timeout=180, check=False
    )
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("seed", ["0x9e3779b97f4a7c15", "23", "4711"])
def test_one_vcpu(built: Callable[[str], Path], seed: str) -> None:
    assert _run(built("memory_test"), "300", "700", seed).startswith("ok")


@pytest.mark.parametrize("vms", ["one", "each"])
def test_many_vcpus(built: Callable[[str], Path], vms: str) -> None:
    assert _run(built("memory_threads_test"), "60", vms).startswith("ok")
