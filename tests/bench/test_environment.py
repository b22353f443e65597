"""The machine's description: always whole, honest about what is missing, and stable where it must be."""

import json
import os
import platform
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bench import environment
from bench.environment import FACTS, Fact, facts, machine, software


@pytest.fixture(scope="module")
def described() -> dict[str, object]:
    return environment.describe()


def test_every_fact_is_there_of_its_type_or_has_a_reason(described: dict[str, object]) -> None:
    missing = described["missing"]
    assert isinstance(missing, dict)
    assert set(described) == {fact.name for fact in FACTS} | {"missing"}
    for fact in FACTS:
        value = described[fact.name]
        if value is None:
            assert missing[fact.name]
        else:
            assert type(value) is fact.type
            assert fact.name not in missing


def test_it_is_strict_json(described: dict[str, object]) -> None:
    assert json.loads(json.dumps(described, allow_nan=False)) == described


def test_facts_agree_with_what_other_sources_say(described: dict[str, object]) -> None:
    assert described["kernel"] == platform.release()
    assert described["cpus"] == os.cpu_count()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert described["memory_bytes"] == pytest.approx(pages, rel=0.02)
    lscpu = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, timeout=20).stdout
    assert str(described["cpu_model"]) in lscpu
    packages = described["python_packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"] == np.__version__


def test_the_commit_is_gits() -> None:
    def head() -> str:
        argv = ["git", "-c", "safe.directory=*", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False).stdout.strip()

    before = head()
    if not before:
        pytest.skip("not in a git checkout")
    assert software.git_commit() in (before, head())  # a commit may be made meanwhile


def test_the_command_line_is_not_copied_beyond_what_matters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cmdline").write_text(
        "quiet root=/dev/sda1 isolcpus=1 token=SECRET nosmt -- mitigations=off x\n"
    )
    monkeypatch.setattr(software, "PROC", tmp_path)
    assert software.kernel_flags() == ["isolcpus=1", "nosmt"]


def test_what_cannot_be_read_is_none_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "CPU", tmp_path)
    monkeypatch.setattr(machine, "PROC", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    poor = environment.describe()
    missing = poor["missing"]
    assert {"cores", "smt", "governor", "cpu_model", "packages", "git_commit"} <= set(missing)
    assert all(poor[name] is None and reason for name, reason in missing.items())
    assert "No such file" in missing["packages"]
    assert environment.fingerprint(poor) != environment.fingerprint(poor | {"cpus": 99})
    assert ("cores", f"unknown ({missing['cores']})") in environment.shown(poor)


def test_a_bug_in_a_fact_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong() -> str:
        raise TypeError("a bug of ours")

    monkeypatch.setattr(facts, "FACTS", (Fact("wrong", str, wrong),))
    with pytest.raises(TypeError):
        environment.describe()


def test_shown_has_a_text_for_each_fact(described: dict[str, object]) -> None:
    rows = environment.shown(described)
    assert [name for name, _ in rows] == [fact.name.replace("_", " ") for fact in FACTS]
    assert all(text for _, text in rows)
    assert environment.shown({})[0][1] == "unknown (not recorded)"


def test_the_fingerprint_is_of_the_machine_and_not_of_its_load(described: dict[str, object]) -> None:
    same = described | {"load_1min": 99.0, "git_commit": "0" * 40, "packages": {}, "cpu_mhz": 1.0}
    assert environment.fingerprint(same) == environment.fingerprint(described)
    assert environment.fingerprint(environment.describe()) == environment.fingerprint(described)
    assert environment.differences(described, same) == []
    for key, value in (("kernel", "0.0.1"), ("cpus", 4096), ("smt", None if described["smt"] else True)):
        other = described | {key: value}
        assert environment.fingerprint(other) != environment.fingerprint(described)
        assert [line.split(":")[0] for line in environment.differences(described, other)] == [key]


def test_the_fingerprint_survives_json(described: dict[str, object]) -> None:
    kept = json.loads(json.dumps(described, sort_keys=True))
    assert environment.fingerprint(kept) == environment.fingerprint(described)


@pytest.mark.parametrize(
    ("content", "kind"),
    [("always [madvise] never", "madvise"), ("[always] madvise never", "always")],
)
def test_the_bracketed_choice(tmp_path: Path, content: str, kind: str) -> None:
    (tmp_path / "enabled").write_text(content + "\n")
    assert machine.chosen(tmp_path / "enabled") == kind


def test_an_arm_cpuinfo_has_a_model_of_sorts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\nprocessor\t: 1\n"
    )
    monkeypatch.setattr(machine, "PROC", tmp_path)
    assert "0xd0c" in machine.cpu_model() or Path("/proc/device-tree/model").exists()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (3 * 2**30, "3 GiB")],
)
def test_sizes_in_words(value: int, text: str) -> None:
    assert facts.as_bytes(value) == text


def test_uncommitted_changes_are_those_of_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate's report that is written beside it does not make the code another."""

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *who, *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "one.c").write_text("1")
    git("add", ".")
    git("commit", "-m", "one")
    monkeypatch.setattr(software, "ROOT", tmp_path)
    (tmp_path / "gate.md").write_text("a report")
    assert not software.git_dirty() and software.git_changes() == ""
    (tmp_path / "targets" / "two.c").write_text("2")
    assert software.git_dirty()
    states = {software.git_changes()}
    for name, text in (("two.c", "3"), ("one.c", "3"), ("one.c", "4")):
        (tmp_path / "targets" / name).write_text(text)
        states.add(software.git_changes())
    assert len(states) == 4 and all(re.fullmatch("[0-9a-f]{12}", state) for state in states)
    assert software.git_changes() in states  # the same again
