"""libFuzzer targets, from the kept corpus on: the same inputs each time, at most some five seconds of them.
``KXBENCH_FUZZ_S``: so many seconds of new ones for each target instead.

Which inputs libFuzzer makes depends on the addresses of the program and on how long each input took, unless
it is told otherwise. Some for the monitor's calls differ all the same: the monitor looks at the clock."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SECONDS = int(os.environ.get("KXBENCH_FUZZ_S", "0"))
BOUND_S = 100  # of the same inputs, on a slow machine
TIMEOUT = pytest.mark.timeout(SECONDS + 600)
SEED = 1
MOST_MEMORY_MB = 2048


def build(source: Path, output: Path) -> Path:
    """All targets of the Makefile in ``source``, into ``output``. Skips where clang cannot make them."""
    if not shutil.which("clang"):
        pytest.skip("no clang: install clang and libclang-rt-dev")
    probe = output / "probe.c"
    probe.write_text("int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return 0 * (p && n); }\n")
    command = ["clang", "-fsanitize=fuzzer,address,undefined", "-o", str(output / "probe"), str(probe)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("clang has no libFuzzer: install libclang-rt-dev")
    made = subprocess.run(
        ["make", "-s", f"-j{os.cpu_count()}", "-C", source, f"B={output}"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert made.returncode == 0, made.stderr[-4000:]
    return output


def fixed_addresses() -> list[str]:
    """setarch -R before a program, where a container's filter lets it."""
    command = ["setarch", "-R"]
    allowed = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if allowed else []


def nothing_is_found(
    program: Path, corpus: Path, scratch: Path, longest: int, runs: int, *options: str, **environment: str
) -> None:
    """No input of the corpus, nor one of ``runs`` made of them, makes the target stop; it tries all."""
    found = scratch / "found"
    found.mkdir()
    inputs = sum(1 for _ in corpus.iterdir())
    same = ["-entropic_scale_per_exec_time=0", "-reload=0", f"-runs={inputs + runs}"]
    done = subprocess.run(
        [
            *fixed_addresses(),
            program,
            f"-max_total_time={SECONDS or BOUND_S}",
            *([] if SECONDS else same),
            f"-seed={SEED}",
            f"-max_len={longest}",
            "-timeout=20",
            f"-rss_limit_mb={MOST_MEMORY_MB}",
            f"-artifact_prefix={scratch}/",
            "-print_final_stats=1",
            *options,
            found,
            corpus,
        ],
        env=os.environ | {"UBSAN_OPTIONS": "print_stacktrace=1"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS + 500,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-8000:]
    executed = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    assert executed and int(executed[0].split()[-1]) >= inputs, done.stderr[-2000:]
