"""Wrong arguments: one clear line, exit code 2, nothing measured."""

import subprocess
from pathlib import Path

import pytest

from tests.workloads.micro.running import measure, run
from workloads.micro.building import BUILD, NAMES

WRONG = [
    (["--iterations", "-1"], "--iterations: '-1' is not a whole number from 1 to 1000000"),
    (["--iterations", "0"], "'0' is not a whole number"),
    (["--iterations", "99999999999999999999999"], "is not a whole number"),
    (["--iterations", "1000001"], "is not a whole number"),
    (["--iterations", "ten"], "'ten' is not a whole number"),
    (["--iterations", "10x"], "'10x' is not a whole number"),
    (["--iterations", "1e3"], "'1e3' is not a whole number"),
    (["--iterations", ""], "'' is not a whole number"),
    (["--iterations="], "'' is not a whole number"),
    (["--iterations"], "--iterations: a value is missing"),
    (["--budget-ms", "-9223372036854775809"], "is not a whole number"),
    (["--timeout-s", "0"], "is not a whole number from 1"),
    (["--no-such-option", "1"], "unknown option '--no-such-option'"),
    (["--iteration", "1"], "unknown option '--iteration'"),
    (["--", "1"], "unknown option '--'"),
    (["iterations"], "'iterations' is not an option"),
    (["-i"], "'-i' is not an option"),
    ([""], "'' is not an option"),
    (["--pin", "both"], "--pin: 'both' is none of none, same, apart"),
    (["--pin", ""], "--pin: '' is none of"),
    (["--pin", "A" * 10000], "is none of"),
    (["--" + "%s%n" * 50], "unknown option"),
]


@pytest.mark.parametrize(("args", "message"), WRONG, ids=[" ".join(args)[:40] for args, _ in WRONG])
def test_wrong_argument(args: list[str], message: str) -> None:
    ran = run("fork", *args)
    assert ran.code == 2
    assert ran.stdout == ""
    assert message in ran.stderr
    assert ran.stderr.startswith("fork: ")
    assert ran.stderr.count("\n") == 1
    assert len(ran.stderr) < 300


@pytest.mark.parametrize("program", NAMES)
def test_every_program_refuses_what_it_does_not_know(program: str) -> None:
    ran = run(program, "--no-such-option", "1")
    assert (ran.code, ran.stdout) == (2, "")
    assert "unknown option" in ran.stderr


@pytest.mark.parametrize("program", NAMES)
def test_help_lists_the_options(program: str) -> None:
    ran = run(program, "--help")
    assert ran.code == 0
    assert "--iterations" in ran.stdout
    assert "@@KXBENCH" not in ran.stdout


@pytest.mark.parametrize(
    ("program", "args"),
    [
        ("fork", ["--dirty-mib", "65537"]),
        ("fork", ["--pages", "gigantic"]),
        ("cow", ["--dirty-mib", "0"]),
        ("cow", ["--stride-pages", "1"]),
        ("pipe", ["--size-bytes", "0"]),
        ("pipe", ["--size-bytes", "65537"]),
        ("pipe", ["--mode", "asleep"]),
        ("kill", ["--size-bytes", "1"]),
        ("dlopen", ["--libraries", "257"]),
        ("dlopen", ["--directory", ""]),
        ("dlopen", ["--directory", "d" * 2000]),
        ("dlopen", ["--libraries", "256", "--iterations", "1000000"]),
        ("update", ["--callers", "0"]),
        ("update", ["--callers", "64", "--iterations", "1000000"]),
    ],
)
def test_wrong_argument_of_one_program(program: str, args: list[str]) -> None:
    ran = run(program, *args)
    assert (ran.code, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"{program}: ")


@pytest.mark.parametrize(
    ("program", "args", "message"),
    [
        ("dlopen", ["--directory", "/nonexistent"], "/nonexistent/lib-000.so: cannot open"),
        ("update", ["--library-v1", "/nonexistent.so"], "/nonexistent.so: cannot open"),
        ("update", ["--library-v2", "/dev/null"], "dlopen: "),
    ],
)
def test_what_cannot_be_done_says_so(program: str, args: list[str], message: str) -> None:
    ran = run(program, *args)
    assert (ran.code, ran.stdout) == (1, "")
    assert message in ran.stderr


def test_same_library_twice_is_noticed() -> None:
    first = BUILD / "lib" / "64k" / "update-v1.so"
    run("update", "--iterations", 3)  # makes it
    ran = run("update", "--library-v2", first)
    assert ran.code == 1
    assert "is not version 2" in ran.stderr


def test_no_memory_to_dirty() -> None:
    script = f"ulimit -v 100000; exec {BUILD / 'fork'} --dirty-mib 1000"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "fork: allocating the memory to dirty: Cannot allocate memory\n"


def test_result_that_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [BUILD / "null", "--iterations", "3"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert "writing the result" in done.stderr


def test_value_may_follow_an_equals_sign() -> None:
    assert measure("fork", "--iterations=5", "--budget-ms=0")["total"].values.shape == (4,)
