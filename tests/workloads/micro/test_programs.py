"""Every program runs, and what it says of itself holds together."""

import resource

import numpy as np
import pytest

from tests.workloads.micro.running import IPC_WAYS, PRIME, SIZED_WAYS, measure, run, values
from vocabulary import Better, Clock
from workloads.micro.building import NAMES

EXACT = ("--iterations", PRIME, "--budget-ms", 0)


@pytest.mark.parametrize("program", NAMES)
def test_every_metric_is_described_and_the_clock_measured(program: str) -> None:
    found = measure(program, "--iterations", 5)
    assert values(found, "clock_read").shape == (20,)
    assert (values(found, "clock_read") > 0).all()
    for samples in found.values():
        metric = samples.metric
        assert metric.summary
        assert metric.clock is (Clock.NONE if metric.unit == "1" else Clock.MONOTONIC)
        if metric.unit.endswith("/s"):
            assert metric.better is Better.HIGHER


def test_null_counts_and_orders() -> None:
    found = measure("null", *EXACT, "--batch", 200)
    for name in ("system_call", "clock_gettime", "futex_wake", "mutex", "semaphore", "yield"):
        assert values(found, name).shape == (PRIME,)
        assert "mean of each batch" in found[name].metric.summary
    # a library call that stays in user space costs less than one that does not
    assert np.median(values(found, "mutex")) < np.median(values(found, "futex_wake"))


@pytest.mark.parametrize("between", ["processes", "threads", "semaphore"])
@pytest.mark.parametrize("pin", ["none", "same", "apart"])
def test_ctxsw(between: str, pin: str) -> None:
    found = measure("ctxsw", *EXACT, "--between", between, "--pin", pin)
    assert values(found, "switch").shape == values(found, "overhead").shape == (PRIME,)


@pytest.mark.parametrize(
    "args",
    [
        ["--dirty-mib", 0],
        ["--dirty-mib", 8, "--redirty", "none"],
        ["--dirty-mib", 8, "--pages", "huge"],
        ["--dirty-mib", 8, "--pages", "none"],
        ["--child", "exec"],
        ["--pin", "same"],
    ],
)
def test_fork(args: list[object]) -> None:
    found = measure("fork", *EXACT, *args)
    for name in ("parent", "child", "total"):
        assert values(found, f"first_{name}").shape == (1,)
        assert values(found, name).shape == (PRIME - 1,)
    for prefix in ("first_", ""):
        assert (values(found, f"{prefix}total") > values(found, f"{prefix}parent")).all()
        assert (values(found, f"{prefix}total") > values(found, f"{prefix}child")).all()
        assert (values(found, f"{prefix}child") > 0).all()


def test_fork_of_small_pages_costs_more_with_more_memory() -> None:
    """Linux copies a page-table entry for each page: that is what dirtying is for."""
    small = measure("fork", *EXACT, "--dirty-mib", 0)
    large = measure("fork", "--iterations", 5, "--budget-ms", 0, "--dirty-mib", 128, "--pages", "none")
    assert np.median(values(large, "parent")) > 2 * np.median(values(small, "parent"))


def test_redirtied_pages_are_written_before_each_fork() -> None:
    """Seen in the page faults: one for each page and fork."""
    mib, forks = 16, 9
    faults = []
    for redirty in ("all", "none"):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt
        measure(
            "fork",
            "--iterations",
            forks,
            "--budget-ms",
            0,
            "--dirty-mib",
            mib,
            "--pages",
            "none",
            "--redirty",
            redirty,
        )
        faults.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_minflt - before)
    assert faults[0] - faults[1] >= 0.9 * mib * 256 * (forks - 1)


@pytest.mark.parametrize("pages", ["default", "huge", "none"])
def test_cow(pages: str) -> None:
    mib, iterations, batch, stride = 2, 3, 16, 16
    args = ("--dirty-mib", mib, "--iterations", iterations, "--budget-ms", 0, "--pages", pages)
    found = measure("cow", *args, "--batch-pages", batch, "--stride-pages", stride)
    touched = mib * 256
    for side in ("parent", "child"):
        for pattern, count in (("dense", touched), ("sparse", touched // stride)):
            cost = {
                step: values(found, f"{step}{{pattern={pattern},side={side}}}")
                for step in ("read", "write", "reread", "rewrite")
            }
            for samples in cost.values():
                assert samples.shape == (-(-count // batch) * iterations,)
            # the first write of a shared page copies it, the second does not; where a few of these were not
            # interrupted: an interruption takes longer than all of them together
            write, rewrite = (
                cost[step].reshape(iterations, -1).mean(axis=1).min() for step in ("write", "rewrite")
            )
            assert write > 3 * rewrite


@pytest.mark.parametrize("method", ["fork", "vfork", "spawn"])
@pytest.mark.parametrize("image", ["dynamic", "static"])
def test_exec(method: str, image: str) -> None:
    found = measure("exec", *EXACT, "--method", method, "--image", image, "--dirty-mib", 1)
    assert values(found, "to_main").shape == (PRIME - 1,)
    for prefix in ("first_", ""):
        assert (values(found, f"{prefix}total") > values(found, f"{prefix}to_main")).all()
        assert (values(found, f"{prefix}total") > values(found, f"{prefix}parent")).all()


@pytest.mark.parametrize("mode", ["blocked", "awake"])
@pytest.mark.parametrize("way", IPC_WAYS)
def test_messages_go_there_and_back(way: str, mode: str) -> None:
    few = ("--batches", 3) if way in SIZED_WAYS else ()
    found = measure(way, *EXACT, *few, "--mode", mode, "--rounds", 3)
    assert values(found, "one_way").shape == values(found, "round_trip").shape == (PRIME,)
    assert (values(found, "one_way") < values(found, "round_trip")).all()
    assert (values(found, "one_way") > 0).all()
    assert (values(found, "first_contact") < values(found, "first_round_trip")).all()
    for name in ("channel_open", "first_contact", "first_round_trip"):
        assert values(found, name).shape == (3,)


@pytest.mark.parametrize("size_bytes", [1, 2, 63, 64, 65, 4096, 8192])
@pytest.mark.parametrize("way", SIZED_WAYS)
def test_sizes(way: str, size_bytes: int) -> None:
    args = ("--iterations", 7, "--batches", 5, "--budget-ms", 0, "--rounds", 1)
    found = measure(way, *args, "--size-bytes", size_bytes)
    assert values(found, "throughput").shape == (5,)
    assert (values(found, "throughput") > 0).all()


@pytest.mark.parametrize("mode", ["blocked", "awake"])
@pytest.mark.parametrize("way", ["pipe", "sysv_shm", "posix_shm"])
def test_largest_message(way: str, mode: str) -> None:
    args = ("--iterations", 7, "--batches", 5, "--size-bytes", 65536, "--mode", mode)
    found, small = measure(way, *args), measure(way, *args[:-4], "--size-bytes", 16, "--mode", mode)
    assert np.median(values(found, "throughput")) > 4 * np.median(values(small, "throughput"))


@pytest.mark.parametrize("way", ["sysv_mq", "posix_mq"])
def test_a_size_over_the_systems_limit_is_unsupported(way: str) -> None:
    ran = run(way, "--size-bytes", 65536)
    if ran.code == 0:
        pytest.skip("this system's message queues take 64 KiB")
    assert ran.code == 77
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"{way}: unsupported: ")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("mode", ["blocked", "awake"])
def test_exitwait(mode: str) -> None:
    found = measure("exitwait", *EXACT, "--mode", mode)
    assert values(found, "one_way").shape == (PRIME,)
    assert values(found, "first_contact").shape == (1,)


def test_dlopen() -> None:
    found = measure("dlopen", *EXACT)
    libraries = 2
    for name in ("open", "first_call", "total", "close"):
        assert values(found, name).shape == (libraries,)
    for name in ("reopen", "reopen_call", "reopen_total", "reclose"):
        assert values(found, name).shape == (libraries * (PRIME - 1),)
    assert values(found, "open_loaded").shape == (libraries * PRIME,)
    np.testing.assert_array_equal(values(found, "open") + values(found, "first_call"), values(found, "total"))
    assert np.median(values(found, "open_loaded")) < np.median(values(found, "reopen"))


@pytest.mark.parametrize(("callers", "work"), [(1, 0), (1, 10_000), (3, 0)])
def test_update_loses_no_call(callers: int, work: int) -> None:
    """With work in it, a call is long enough that closing its library too early would end the program."""
    found = measure("update", *EXACT, "--callers", callers, "--pause-us", 100, "--work", work)
    assert values(found, "lost_calls").tolist() == [0]
    for name in ("total", "load", "quiesce", "unload", "stall", "quiet_gap", "update_rate", "quiet_rate"):
        assert values(found, name).shape == (PRIME,)
    parts = values(found, "load") + values(found, "quiesce") + values(found, "unload")
    np.testing.assert_array_equal(parts, values(found, "total"))
    assert (values(found, "quiet_rate") > 0).any()
    assert values(found, "call_gap").size > 0
    assert (values(found, "stall") > 0).all()


def test_time_budget_ends_a_program_early() -> None:
    found = measure("fork", "--iterations", 1_000_000, "--budget-ms", 20)
    assert 4 <= values(found, "total").size + 1 < 1_000_000


def test_time_out_is_an_error_and_no_result() -> None:
    ran = run("pipe", "--iterations", 1_000_000, "--budget-ms", 0, "--gap-us", 1000, "--timeout-s", 1)
    assert ran.code == 1
    assert "timed out" in ran.stderr
    assert "@@KXBENCH" not in ran.stdout
