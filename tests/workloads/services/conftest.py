from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from targets import make_target
from targets.lab import Lab, missing
from vocabulary import CaseContext, Deployment, Endpoint, Samples
from workloads import case_kind


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := missing():
        pytest.skip(why)
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def deployment(lab: Lab, tmp_path: Path) -> Iterator[Deployment]:
    with make_target("process", lab).deploy(tmp_path / "deployment") as deployment:
        yield deployment


@dataclass
class Observed:
    """What a case did around its timed part."""

    endpoints: list[Endpoint | None] = field(default_factory=list)
    open_now: int = 0

    @contextmanager
    def __call__(self, endpoint: Endpoint | None) -> Iterator[None]:
        self.endpoints.append(endpoint)
        self.open_now += 1
        yield
        self.open_now -= 1


@pytest.fixture
def observed() -> Observed:
    return Observed()


@pytest.fixture
def context(lab: Lab, tmp_path: Path, cache: Path, observed: Observed) -> CaseContext:
    scratch = tmp_path / "cell"
    scratch.mkdir()
    return CaseContext(
        place=lab.place,
        scratch=scratch,
        cache=cache,
        seed=1,
        generator_cpus=(),
        observed=observed,
        progress=lambda what: None,
    )


Run = Callable[..., list[Samples]]


@pytest.fixture
def run(deployment: Deployment, context: CaseContext) -> Run:
    """Runs the case of that name with these parameters."""

    def run(name: str, **params: Any) -> list[Samples]:
        kind = case_kind(name)
        return kind.run(kind.params.model_validate(params), deployment, context)

    return run


def value(samples: list[Samples], name: str, **labels: Any) -> float:
    """The one value of the one series of that metric with these labels."""
    found = [s for s in samples if s.metric.name == name and labels.items() <= s.labels.items()]
    assert [s.values.size for s in found] == [1], f"{name} {labels}: {[s.series for s in samples]}"
    return float(found[0].values[0])
