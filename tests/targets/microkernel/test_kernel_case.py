"""The case kind `kernel` on a machine: with a stand-in that prints what a guest's program would, and with the
kernel itself, whose instruction counts are the same in every run."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from targets.lab import Lab
from targets.microkernel.building import PARTS, Parts, build
from tests.targets.microkernel.conftest import Deploy, Guest
from tests.targets.microkernel.stand_in import printed
from vocabulary import Better, CaseContext, Clock, TargetError
from workloads import case_kind
from workloads.protocol import BEGIN

pytestmark = pytest.mark.root
GROUPS = ("syscall", "scheduling", "ipc", "irq", "sync", "memory", "task", "thread_metric")


@contextmanager
def context(lab: Lab, tmp_path: Path) -> Iterator[CaseContext]:
    yield CaseContext(
        place=lab.place,
        scratch=tmp_path,
        cache=tmp_path,
        seed=1,
        generator_cpus=(),
        observed=lambda endpoint: nullcontext(),
        progress=lambda what: None,
    )


def test_what_the_guest_prints_are_the_samples(
    lab: Lab, guest: Guest, deploy: Deploy, tmp_path: Path
) -> None:
    kind = case_kind("kernel")
    params = kind.params.model_validate({"iterations": 3})
    parts = guest(printed(group="syscall", iterations=3, interval_ms=100))
    with context(lab, tmp_path) as given:
        (samples,) = kind.run(params, deploy(parts), given)
    assert samples.values.tolist() == [71, 70, 70]
    assert (samples.metric.unit, samples.metric.clock) == ("instructions", Clock.ICOUNT)
    assert samples.metric.better is Better.LOWER


def test_a_guest_that_ran_something_else(lab: Lab, guest: Guest, deploy: Deploy, tmp_path: Path) -> None:
    kind = case_kind("kernel")
    parts = guest(printed(group="ipc", iterations=100, interval_ms=100))
    with (
        context(lab, tmp_path) as given,
        pytest.raises(TargetError, match="ran with group='ipc', not 'syscall'"),
    ):
        kind.run(kind.params(), deploy(parts), given)


@pytest.fixture(scope="module")
def kernel() -> Parts:
    build()
    return PARTS


@pytest.mark.parametrize("group", GROUPS)
def test_two_runs_print_the_same(kernel: Parts, deploy: Deploy, group: str) -> None:
    """Bit for bit: an instruction is a nanosecond of the machine's clock, and nothing else is."""
    deployment = deploy(kernel)
    args = [f"--group={group}", "--iterations=10", "--interval-ms=10"]
    first, second = (deployment.run_micro(Path("kernel"), args, timeout_s=120) for _ in range(2))
    assert BEGIN in first
    assert first == second


@pytest.mark.parametrize("group", GROUPS)
def test_the_kernel_case(kernel: Parts, lab: Lab, deploy: Deploy, tmp_path: Path, group: str) -> None:
    kind = case_kind("kernel")
    params = kind.params.model_validate({"group": group, "iterations": 10, "interval_ms": 10})
    with context(lab, tmp_path) as given:
        found = kind.run(params, deploy(kernel), given)
    judged = [samples for samples in found if samples.metric.better is not Better.NEITHER]
    assert judged
    assert {samples.metric.clock for samples in judged} == {Clock.ICOUNT}
