import pytest

from targets import at_commit, make_target
from targets.lab import Lab
from vocabulary import Capability, UsageError, commit_in


def test_process_and_its_aliases() -> None:
    lab = Lab()  # not entered: nothing is deployed
    for name in ("process", "process@again", "process@b.2-x"):
        target = make_target(name, lab)
        assert target.name == name
        assert target.capabilities() == frozenset(Capability)
        assert "baseline" in target.summary


def test_a_name_with_a_dash_is_a_target_of_its_own() -> None:
    for name in ("kylinx-vm", "kylinx-vm@again"):
        target = make_target(name, Lab())
        assert target.name == name and "VM of its own" in target.summary


@pytest.mark.parametrize("name", ["", "kylin", "@process", "Process", "process "])
def test_unknown_target(name: str) -> None:
    with pytest.raises(UsageError, match="unknown target") as caught:
        make_target(name, Lab())
    assert "known targets: kylinx, kylinx-vm, microkernel, process" in caught.value.remedy


@pytest.mark.parametrize("name", ["process@", "process@a b", "process@a@b", "process@" + "x" * 99])
def test_bad_label(name: str) -> None:
    with pytest.raises(UsageError, match="label"):
        make_target(name, Lab())


def test_a_label_that_reads_as_a_commit_is_one() -> None:
    name = at_commit("kylinx", "0123456789abcdef0123456789abcdef01234567")
    assert name == "kylinx@0123456789ab" and commit_in(name) == "0123456789ab"
    assert make_target(name, Lab()).name == name
    assert commit_in("kylinx") == commit_in("kylinx@again") == commit_in("process@abc123") == ""


def test_a_commit_that_is_cut_short_is_no_label() -> None:
    with pytest.raises(UsageError, match="too short for a commit"):
        make_target("kylinx@d15809", Lab())


@pytest.mark.parametrize("name", ["process@0123456", "microkernel@0123456789ab"])
def test_some_have_no_build_of_a_commit(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be deployed with the code of commit") as caught:
        make_target(name, Lab())
    assert "these can: kylinx, kylinx-vm" in caught.value.remedy
