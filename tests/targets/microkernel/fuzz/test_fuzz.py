"""Each fuzz target for a bounded time, from the kept corpus on. ``KXBENCH_FUZZ_S``: seconds for each (5)."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LONGEST = {"resp": 2000, "http": 3000, "dns": 1000, "zone": 2000, "calls": 2000}
SECONDS = int(os.environ.get("KXBENCH_FUZZ_S", "5"))
SEED = 1
MOST_MEMORY_MB = 2048


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    if not shutil.which("clang"):
        pytest.skip("no clang: install clang and libclang-rt-dev")
    probe = folder / "probe.c"
    probe.write_text("int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return 0 * (p && n); }\n")
    command = ["clang", "-fsanitize=fuzzer,address,undefined", "-o", str(folder / "probe"), str(probe)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("clang has no libFuzzer: install libclang-rt-dev")
    made = subprocess.run(
        ["make", "-s", f"-j{os.cpu_count()}", "-C", HERE, f"B={folder}"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-4000:]
    return folder


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("target", LONGEST)
def test_nothing_is_found(built: Path, tmp_path: Path, target: str) -> None:
    found = tmp_path / "found"
    found.mkdir()
    done = subprocess.run(
        [
            built / target,
            f"-max_total_time={SECONDS}",
            f"-seed={SEED}",
            f"-max_len={LONGEST[target]}",
            "-timeout=20",
            f"-rss_limit_mb={MOST_MEMORY_MB}",
            f"-artifact_prefix={tmp_path}/",
            f"-dict={HERE / target}.dict",
            "-print_final_stats=1",
            found,
            HERE / "corpus" / target,
        ],
        env=os.environ | {"UBSAN_OPTIONS": "print_stacktrace=1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS + 240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-8000:]
    executed = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    inputs = sum(1 for _ in (HERE / "corpus" / target).iterdir())
    assert executed and int(executed[0].split()[-1]) >= inputs, done.stderr[-2000:]
