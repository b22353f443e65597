import pytest

from targets import make_target
from targets.lab import Lab
from vocabulary import Capability, UsageError


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
