"""The programs under AddressSanitizer and UBSan: a report makes them fail."""

import pytest

from tests.workloads.micro.running import IPC_WAYS, run
from workloads.micro.building import NAMES, SANITIZED

CALLS: list[tuple[str, tuple[object, ...]]] = [(program, ()) for program in NAMES]
CALLS += [(way, ("--mode", "awake")) for way in IPC_WAYS]
CALLS += [(way, ("--size-bytes", 65536, "--batches", 3)) for way in ("pipe", "sysv_shm", "posix_shm")]
CALLS += [(way, ("--size-bytes", 8192, "--batches", 3)) for way in ("sysv_mq", "posix_mq")]
CALLS += [
    ("ctxsw", ("--between", "threads")),
    ("ctxsw", ("--between", "semaphore")),
    ("fork", ("--dirty-mib", 2, "--pages", "huge", "--child", "exec")),
    ("exec", ("--method", "vfork", "--image", "static")),
    ("exec", ("--method", "spawn", "--dirty-mib", 1)),
    ("update", ("--callers", 3)),
    ("exitwait", ("--mode", "awake")),
]


@pytest.mark.usefixtures("sanitized")
@pytest.mark.parametrize(("program", "args"), CALLS, ids=[" ".join(map(str, (p, *a))) for p, a in CALLS])
def test_clean(program: str, args: tuple[object, ...]) -> None:
    small = ("--dirty-mib", 1) if program == "cow" else ()
    ran = run(program, "--iterations", 5, *small, *args, folder=SANITIZED)
    assert ran.code == 0, ran.stderr
    assert "Sanitizer" not in ran.stderr
    assert "runtime error" not in ran.stderr
    assert "@@KXBENCH END@@" in ran.stdout


@pytest.mark.usefixtures("sanitized")
@pytest.mark.parametrize(
    "args", [("--pages", "x" * 5000), ("--" + "y" * 5000, "1"), ("--iterations", "9" * 5000)]
)
def test_clean_on_a_wrong_argument(args: tuple[str, ...]) -> None:
    ran = run("fork", *args, folder=SANITIZED)
    assert ran.code == 2
    assert "Sanitizer" not in ran.stderr
