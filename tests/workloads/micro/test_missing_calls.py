"""On a system that lacks a call (ENOSYS, by a seccomp filter): exit code 77 and why, or no matter."""

import platform
import subprocess
import sys

import pytest

from tests.workloads.micro.running import options_needed
from workloads.micro.building import BUILD

# The filter: load the call's number; if it is argv[1], fail with ENOSYS (38); else allow. See seccomp(2).
WITHOUT = """
import ctypes, os, struct, sys
filter = b"".join(struct.pack("HBBI", *code) for code in (
    (0x20, 0, 0, 0), (0x15, 0, 1, int(sys.argv[1])), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7FFF0000)))
held = ctypes.create_string_buffer(filter, len(filter))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(held)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0):
    sys.exit("no seccomp: " + os.strerror(ctypes.get_errno()))
os.execv(sys.argv[2], sys.argv[2:])
"""
NUMBERS = {
    "futex": 202,
    "madvise": 28,
    "mq_open": 240,
    "msgget": 68,
    "pipe2": 293,
    "prctl": 157,
    "sched_getaffinity": 204,
    "sched_setaffinity": 203,
    "sched_yield": 24,
    "shmget": 29,
    "wait4": 61,
}  # of x86-64


def run_without(call: str, program: str, *args: str) -> "subprocess.CompletedProcess[str]":
    if platform.machine() != "x86_64":
        pytest.skip("the call numbers here are x86-64's")
    command = [sys.executable, "-c", WITHOUT, str(NUMBERS[call]), str(BUILD / program)]
    command += [*options_needed(program), "--iterations", "3", "--timeout-s", "60", *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    if "no seccomp" in done.stderr:
        pytest.skip(done.stderr.strip())
    return done


@pytest.mark.parametrize(
    ("call", "program", "args"),
    [
        ("mq_open", "posix_mq", []),
        ("msgget", "sysv_mq", []),
        ("shmget", "sysv_shm", []),
        ("pipe2", "pipe", []),
        ("sched_yield", "null", []),
        ("madvise", "fork", ["--dirty-mib=1", "--pages=huge"]),
        ("wait4", "fork", []),
        ("wait4", "exitwait", []),
        ("futex", "ctxsw", ["--between=threads"]),
        ("futex", "sysv_shm", []),
    ],
)
def test_a_needed_call_is_unsupported(call: str, program: str, args: list[str]) -> None:
    done = run_without(call, program, *args)
    assert done.returncode == 77, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith(f"{program}: unsupported: ")
    assert "Function not implemented" in done.stderr
    lines = done.stderr.splitlines()  # one, or one of each of two processes that met it at once
    assert 1 <= len(lines) <= 2
    assert all(line.startswith(f"{program}: unsupported: ") for line in lines)


@pytest.mark.parametrize("call", ["prctl", "sched_getaffinity", "sched_setaffinity"])
@pytest.mark.parametrize("program", ["pipe", "exitwait", "update"])
def test_a_call_that_is_not_needed_is_no_matter(call: str, program: str) -> None:
    done = run_without(call, program)
    assert done.returncode == 0, done.stderr
    assert "@@KXBENCH END@@" in done.stdout
    assert ("not pinned" in done.stderr) == call.startswith("sched")
