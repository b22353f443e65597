"""The monitor and the LibOS of a commit, beside those of the working tree."""

import subprocess
from pathlib import Path

import pytest

from bench.environment.software import commit_of
from targets.kylinx import abi, building
from targets.kylinx.toolstack.control import Program
from targets.kylinx.toolstack.monitor import FamilyOptions, start_monitor
from targets.kylinx.toolstack.programs import run_program
from tests.targets.kylinx.guests import image_of
from vocabulary import TargetError, UsageError

TRUE = Path("/bin/true")


@pytest.fixture
def empty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Nothing has been built of any commit."""
    monkeypatch.setattr(building, "_COMMITS", tmp_path / "commits")
    return tmp_path / "commits"


@pytest.mark.root
def test_what_git_has_is_built_once_and_runs(empty: Path) -> None:
    commit = commit_of("HEAD")[:12]
    building.build_commit(commit)
    made = building.of_commit(commit)
    assert sorted(path.name for path in (empty / commit).iterdir()) == ["libos.elf", "monitor.elf"]
    assert [path.name for path in empty.iterdir()] == [commit]
    before = made.monitor.stat()
    building.build_commit(commit)
    assert made.monitor.stat() == before
    options = FamilyOptions(image_of(TRUE), build=made)
    assert options.command()[0] == str(made.monitor)
    with start_monitor("test-commits", options) as monitor:
        assert run_program(monitor.control, Program(str(TRUE), ("true",))).status == 0


@pytest.mark.parametrize("commit", ["0" * 12, "fffffffffffffff"])
def test_a_commit_that_git_lacks(empty: Path, commit: str) -> None:
    with pytest.raises(UsageError, match="git has nothing of commit") as caught:
        building.build_commit(commit)
    assert "unshallow" in caught.value.remedy and not list(empty.iterdir())


def test_another_interface_is_refused(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(abi.NUMBERS, "KX_ABI_VERSION", 99)
    with pytest.raises(UsageError, match="its KX_ABI_VERSION is 1, and 99 is what we can drive"):
        building.build_commit(commit_of("HEAD")[:12])
    assert not list(empty.iterdir())


def test_code_that_does_not_compile_leaves_nothing(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "false")
    with pytest.raises(TargetError):
        building.build_commit(commit_of("HEAD")[:12])
    assert not list(empty.iterdir())


def test_a_machine_without_git(empty: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no git"):
        building.build_commit("0" * 12)
    assert subprocess.run(["/bin/ls", empty], capture_output=True, check=True).stdout == b""
