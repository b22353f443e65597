"""System calls: each case of the suite holds for a process of this machine, and the same hold in a pVM."""

import subprocess
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, cached_image
from targets.kylinx.toolstack.monitor import FamilyOptions
from tests.targets.kylinx import syscall_table
from tests.targets.kylinx.syscall_table import REFUSED, Case, Verdict

pytestmark = pytest.mark.root

RUN_S = 250
TRIES = 3  # a machine that is busy elsewhere may be late for a case that waits


def _failures(all_verdicts: list[Verdict]) -> dict[Case, str]:
    return {one.case: one.detail for one in all_verdicts if not one.ok}


def _run(command: list[str | Path], titles: list[str]) -> list[Verdict]:
    done = subprocess.run(
        [*command, *titles],
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_S,
        stdin=subprocess.DEVNULL,
    )
    found = syscall_table.verdicts(done.stdout)
    assert found, done.stderr[-4000:]
    return found


def _settled(command: list[str | Path]) -> list[Verdict]:
    """All verdicts; what failed is tried again by itself."""
    found = {one.case: one for one in _run(command, [])}
    for _ in range(TRIES - 1):
        failed = list({case.title for case, one in found.items() if not one.ok})
        if failed:
            found |= {one.case: one for one in _run(command, failed)}
    return list(found.values())


def test_as_a_process() -> None:
    found = _settled([syscall_table.build()])
    assert _failures(found) == {}
    assert {one.case for one in found} == set(syscall_table.cases())
    assert len(found) >= 400


@pytest.mark.parametrize("vm_per_pvm", [False, True], ids=["one VM", "a VM each"])
def test_in_a_pvm(vm_per_pvm: bool) -> None:
    if why := host.missing():
        pytest.skip(why)
    building.build()
    program = syscall_table.build()
    image = cached_image(Request((str(program),), name="test-conformance")).path
    found = _settled([*FamilyOptions(image, vm_per_pvm=vm_per_pvm).command(), "--quiet", "--", program])
    assert _failures(found) == {}
    assert {one.case for one in found} == set(syscall_table.cases())


def test_a_case_that_crashes_or_fails_is_one_failed_case(tmp_path: Path) -> None:
    extra = tmp_path / "extra.c"
    extra.write_text(
        '#include "suite.h"\n#define GROUP "extra"\n'
        'CASE(getpid, "wrong") { EQ(1 + 1, 3); }\n'
        'CASE(getpid, "crash") { *(volatile int *)8 = 1; }\n'
        'CASE(getpid, "child") { CHILD(pid) { CHECK(0); } child_ok(pid); }\n'
        'CASE(getpid, "right") { CHECK(getpid() > 1); }\n'
    )
    program, suite = tmp_path / "extra", syscall_table.SUITE
    sources = [suite / "main.c", suite / "tools.c", suite / "helper.c", extra]
    command: list[str | Path] = ["gcc", "-D_GNU_SOURCE", "-I", suite, "-o", program, *sources]
    command += ["-Wl,--defsym,__start_calls=0", "-Wl,--defsym,__stop_calls=0"]
    subprocess.run(command, check=True)
    found = {one.case.title: one for one in _run([program], [])}
    assert [found[name].ok for name in ("wrong", "crash", "child", "right")] == [False, False, False, True]
    assert found["wrong"].detail == "extra.c:3: 1 + 1 is 2, not 3"
    assert found["crash"].detail == "killed by signal 11"
    assert found["child"].detail.startswith("extra.c:5: not true")


def test_every_case_names_a_declared_call_once() -> None:
    declared = [call.name for call in syscall_table.calls()]
    tested = syscall_table.cases()
    assert {case.call for case in tested} == set(declared)
    assert len(tested) == len(set(tested))


def test_what_the_libos_serves_is_declared() -> None:
    refused = {name for names in REFUSED.values() for name in names.split()}
    declared = {call.name for call in syscall_table.calls()}
    assert declared.isdisjoint(refused)
    assert syscall_table.served() == declared | refused


def test_document_is_current() -> None:
    assert syscall_table.DOCUMENT.read_text() == syscall_table.document(), (
        "run python -m tests.targets.kylinx.syscall_table"
    )
