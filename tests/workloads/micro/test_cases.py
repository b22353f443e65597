"""The case kinds, each run on a real deployment of the process target."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from targets import make_target
from targets.lab import Lab, missing
from vocabulary import (
    CaseContext,
    CaseKind,
    Deployment,
    Endpoint,
    TargetError,
    UnsupportedError,
)
from workloads.micro import MICRO_CASES, MicroCase, cases, programs
from workloads.micro.params import Dlopen

KINDS = {kind.name: kind for kind in MICRO_CASES}
QUICK = {
    name: {"iterations": 5, "budget_ms": 20}
    | ({"dirty_mib": 1} if "dirty_mib" in kind.params.model_fields else {})
    for name, kind in KINDS.items()
} | {"herd": {"children": 10, "hold_ms": 3000}, "kernel": {"iterations": 5}}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := missing():
        pytest.skip(why)
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def deployment(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with make_target("process", lab).deploy(tmp_path_factory.mktemp("scratch")) as deployment:
        yield deployment


class Seen:
    """A context that notes when the case had its probes open."""

    def __init__(self, lab: Lab, scratch: Path) -> None:
        self.opened: list[Endpoint | None] = []
        self.said: list[str] = []
        self.context = CaseContext(
            place=lab.place,
            scratch=scratch,
            cache=scratch,
            seed=1,
            generator_cpus=(0,),
            observed=self.observed,
            progress=self.progress,
        )

    def progress(self, what: str) -> None:
        self.said.append(what)

    @contextmanager
    def observed(self, endpoint: Endpoint | None) -> Iterator[None]:
        self.opened.append(endpoint)
        yield


@pytest.fixture
def seen(lab: Lab, tmp_path: Path) -> Seen:
    return Seen(lab, tmp_path)


def test_every_program_is_a_case_kind_once() -> None:
    assert list(KINDS) == [kind.name for kind in MICRO_CASES]
    assert set(programs()) == set(KINDS)
    assert all(path.is_file() for path in programs().values())
    assert all(kind.missing() == "" for kind in MICRO_CASES)


@pytest.mark.root
@pytest.mark.parametrize("kind", MICRO_CASES, ids=list(KINDS))
def test_runs_on_the_process_target(kind: CaseKind, deployment: Deployment, seen: Seen) -> None:
    found = kind.run(kind.params.model_validate(QUICK[kind.name]), deployment, seen.context)
    assert len({samples.series for samples in found}) == len(found) > 1
    assert seen.opened == [None]
    assert seen.said == [kind.name]
    assert deployment.place.pids() == []


@pytest.mark.root
def test_unsupported_is_told_apart(lab: Lab, seen: Seen, tmp_path: Path) -> None:
    kind = KINDS["sysv_mq"]
    with make_target("process", lab).deploy(tmp_path / "scratch") as deployment:
        lower = deployment.place.popen(["/bin/sh", "-c", "echo 100 > /proc/sys/kernel/msgmax"])
        assert lower.wait(timeout=60) == 0
        with pytest.raises(UnsupportedError, match="101 bytes are over the system's limit"):
            kind.run(kind.params.model_validate({"size_bytes": 101}), deployment, seen.context)


@pytest.mark.root
def test_failure_names_the_program_and_keeps_its_words(
    deployment: Deployment, seen: Seen, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cases, "make_libraries", lambda count, size_kib: tmp_path)
    kind = MicroCase("dlopen", "", Dlopen, (), options=cases._dlopen_options)
    with pytest.raises(TargetError, match="dlopen") as caught:
        kind.run(kind.params(), deployment, seen.context)
    assert "lib-000.so: cannot open" in caught.value.console


def test_a_program_that_ran_with_other_parameters_is_not_believed() -> None:
    with pytest.raises(TargetError, match="ran with dirty_mib=1, not 2"):
        cases._check_echo("fork", {"dirty_mib": 2}, {"dirty_mib": 1})


@pytest.mark.parametrize("kind", MICRO_CASES, ids=list(KINDS))
def test_parameters_have_defaults_limits_and_descriptions(kind: CaseKind) -> None:
    kind.params()
    schema = kind.params.model_json_schema()
    for name, field in schema["properties"].items():
        assert field["description"], name
        if field["type"] == "integer" and "enum" not in field:
            assert {"minimum", "maximum"} <= field.keys(), name
    for wrong in ({"iterations": 0}, {"budget_ms": -1}, {"pin": "both"}, {"no_such": 1}):
        with pytest.raises(ValidationError):
            kind.params.model_validate(wrong)
