"""What the kernel promises, looked at by a program in the guest (targets/microkernel/tasks/test)."""

import re
from functools import cache
from pathlib import Path

import pytest

from targets.microkernel.building import HERE, build
from tests.targets.microkernel.booting import boot

SOURCES = HERE / "tasks" / "test"
GROUPS = (
    *("refusal", "ipc", "grant", "sync", "life", "memory", "time", "isolation", "strings"),
    *("latency", "ceiling", "names"),
)
FAULTS_ARE_MEANT = ("isolation",)


def cases(group: str) -> list[str]:
    """The names in the group's table, so that a case that is not run is missed."""
    source = (SOURCES / f"{group}.c").read_text()
    table = source[source.index(f"const struct test {group}_tests[]") :]
    return re.findall(r'\{ "(\w+)", \w+ \}', table)


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> object:
    """Runs a group, once."""
    build()

    @cache
    def said(group: str) -> str:
        return boot(tmp_path_factory.mktemp(group), f"run=test group={group}", memory_mib=32)

    return said


@pytest.mark.parametrize(("group", "case"), [(group, case) for group in GROUPS for case in cases(group)])
def test_conformance(guest: object, group: str, case: str) -> None:
    assert callable(guest)
    lines = guest(group).splitlines()
    wrong = [line for line in lines if line.startswith("test: ") and not line.startswith("test: ok ")]
    assert f"test: ok {case}" in lines, "\n".join(wrong) or "\n".join(lines[-20:])
    if group not in FAULTS_ARE_MEANT:
        assert not [line for line in lines if line.startswith("mk: fault")]


def test_faults_are_told(guest: object) -> None:
    assert callable(guest)
    faults = [line for line in guest("isolation").splitlines() if line.startswith("mk: fault: ")]
    told = re.compile(
        r"mk: fault: task \d+ of other \(space \d+\): "
        r"(data access to|instruction fetch from|undefined instruction) [0-9a-f]+ at [0-9a-f]+, "
        r"status [0-9a-f]+, sp [0-9a-f]+, lr [0-9a-f]+"
    )
    assert len(faults) == 18
    assert all(told.fullmatch(line) for line in faults), faults


@pytest.mark.parametrize("memory_mib", [16, 64, 512])
def test_memory_of_any_size(tmp_path: Path, memory_mib: int) -> None:
    build()
    said = boot(tmp_path, "run=test group=memory", memory_mib=memory_mib, timeout_s=120)
    assert "test: ok all_of_the_machine" in said, said[-2000:]
