"""The suite's loads on the micro kernel's servers, unchanged: data sets, correctness passes, generators."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from targets import make_target
from targets.lab import Lab
from targets.microkernel.building import build
from vocabulary import CaseContext, Endpoint
from workloads import case_kind, openloop

pytestmark = pytest.mark.root
NATIVE_S = 5.0  # when they are interrupted they must have begun to care, and have had an answer
LATEST_MS = 30_000  # of an answer: QEMU may stand still while the generator does not
LOADS: dict[str, dict[str, Any]] = {
    "redis": {"keys": 100, "rate_per_s": [100], "native_s": 0.3},  # nobody interrupts it
    "http": {"rate_per_s": [50], "native_s": NATIVE_S},
    "dns": {"names": 100, "rate_per_s": [100], "native_s": NATIVE_S},
}


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    build()
    openloop.build()


@pytest.mark.parametrize("name", LOADS)
def test_a_load(name: str, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = case_kind(name)
    if why := kind.missing():
        pytest.skip(why)
    monkeypatch.setattr(openloop, "run", partial(openloop.run, timeout_ms=LATEST_MS))
    params = {"connections": 2, "duration_s": 0.3, **LOADS[name]}
    seen: list[Endpoint | None] = []

    @contextmanager
    def observed(endpoint: Endpoint | None) -> Iterator[None]:
        seen.append(endpoint)
        yield

    context = CaseContext(
        place=lab.place,
        scratch=tmp_path,
        cache=tmp_path / "cache",
        seed=1,
        generator_cpus=(),
        observed=observed,
        progress=lambda what: None,
    )
    with make_target("microkernel", lab).deploy(tmp_path / "deployment") as deployment:
        found = kind.run(kind.params.model_validate(params), deployment, context)
        assert deployment.place.pids() == []
    counts = {s.metric.name: float(s.values[0]) for s in found if s.values.size and s.metric.unit == "1"}
    assert "throughput" in {samples.metric.name for samples in found}
    assert not {name: value for name, value in counts.items() if "error" in name and value}
    (endpoint,) = seen
    assert endpoint and endpoint.pid
