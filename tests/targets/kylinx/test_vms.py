"""A KVM VM for each pVM: as many as it says, what holds in one VM holds in these, none is left behind."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from targets.kylinx.toolstack.monitor import FamilyOptions
from tests.targets.kylinx.guests import HERE, POOL, Guests, build, family, image_of
from tests.targets.kylinx.test_torture import twice
from workloads.micro import building as micro

pytestmark = pytest.mark.root

LEAST_IDLE = POOL // 2 + 1  # with fewer, more are made: pool_take() in monitor/pool.c
ISOLATION = (
    ("write-text",),
    ("supervisor-memory",),
    ("two-views-of-code",),
    ("private-pages-shared-since-a-fork",),
    ("pages-of-the-image",),
    ("hypercall-fork",),
    ("hypercall-memory",),
    ("hypercalls-at-random", "4"),
    ("region-table-changes",),
    ("ring-indices-that-lie",),
    ("dies-alone",),
)
FORKS = {
    "nested": ("nested", "4"),
    "siblings": ("siblings", "40"),
    "orders": ("orders", "4", "400"),
    "threads": ("threads", "30"),
    "killed": ("killed", "40"),
}


def hostile() -> tuple[Path, Path]:
    program = build("hostile")
    return image_of(program), program


@pytest.fixture
def guests() -> Iterator[Guests]:
    image, program = hostile()
    with family(image, program, "vms", vm_per_pvm=True) as guests:
        yield guests


@pytest.fixture
def forking() -> Iterator[Guests]:
    program = build("torture")
    with family(image_of(program), program, "vms", vm_per_pvm=True) as guests:
        yield guests


def wait_until(what: Callable[[], bool], told: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, told()
        time.sleep(0.02)


def settled(guests: Guests, idle: int = LEAST_IDLE) -> int:
    """The number of VMs once so many are idle and what ended is gone; the monitor says the same."""

    def counts() -> tuple[int, dict[str, int]]:
        return guests.vms(), guests.stats()["vcpus"]

    def fits() -> bool:
        vms, vcpus = counts()
        return vms == vcpus["vms"] and vcpus["pooled"] >= idle

    wait_until(fits, counts)
    return guests.vms()


def expect_vms(guests: Guests, without: int) -> None:
    """One for each vCPU ever made, but for so many."""
    wait_until(lambda: guests.vms() == guests.stats()["vcpus"]["made"] - without, guests.stats)


# ---- how many


def test_a_family_has_one_vm_by_default() -> None:
    image, program = hostile()
    with family(image, program, "vms") as guests:
        holders = [guests.start("secret") for _ in range(6)]
        assert [one.line() for one in holders] == ["ready"] * 6
        assert guests.vms() == guests.stats()["vcpus"]["vms"] == 1
        assert guests.stats()["vcpus"]["made"] > 1
        assert [one.end().status for one in holders] == [0] * 6


def test_each_pvm_has_a_vm_of_its_own(guests: Guests) -> None:
    """And each idle vCPU; one that is used again keeps its VM: their number follows the most at once."""
    for count in (6, 12, 12, 12):
        holders = [guests.start("secret") for _ in range(count)]
        assert [one.line() for one in holders] == ["ready"] * count
        assert settled(guests) >= count + LEAST_IDLE
        expect_vms(guests, without=0)
        assert [one.end().status for one in holders] == [0] * count
    assert settled(guests) <= 12 + 6 * POOL  # some more are made where a new one is slow to come up


def test_the_vm_of_a_pvm_that_the_monitor_ended_goes(guests: Guests) -> None:
    """Its vCPU is not used again: VM and vCPU are closed."""
    before = settled(guests, POOL)
    for ended in range(1, 9):
        running = guests.start("secret")
        assert running.line() == "ready"
        guests.monitor.control.request("kill", [("slot", running.answer["slot"]), ("force", 1)])
        assert running.end().status == signal.SIGKILL
        expect_vms(guests, without=ended)
    assert settled(guests) <= before + POOL
    guests.is_well()


def test_killed_monitor_leaves_no_vm(guests: Guests) -> None:
    holders = [guests.start("secret") for _ in range(20)]
    assert [one.line() for one in holders] == ["ready"] * 20
    assert guests.vms() >= 20
    proc = Path(f"/proc/{guests.monitor.process.pid}")
    os.kill(guests.monitor.process.pid, signal.SIGKILL)
    assert guests.monitor.process.wait(60) == -signal.SIGKILL
    assert not proc.exists() and guests.monitor.group.pids() == []


# ---- what holds in one holds in many


def test_isolation(guests: Guests) -> None:
    for trial in ISOLATION:
        guests.passes(*trial, timeout_s=120)


def test_region_tables(guests: Guests) -> None:
    holder = guests.start("secret")
    assert holder.line() == "ready"
    pid = guests.libos()["process"][0]["pid"]
    guests.passes("region-tables-that-lie", str(pid))
    assert holder.end().status == 0


def test_memory_bombs() -> None:
    """What the family may hold is counted once, however many VMs see it."""
    image, program = hostile()
    with family(image, program, "vms", memory_mib=64, vm_per_pvm=True) as guests:
        guests.passes("memory-bomb")
        memory = guests.stats()["memory"]
        assert memory["peak_bytes"] <= memory["limit_bytes"] == 64 << 20


@pytest.mark.parametrize("trial", FORKS)
def test_forks(forking: Guests, trial: str) -> None:
    """No stale page in any VM, nothing leaked."""
    twice(forking, *FORKS[trial])


def test_many_forks(forking: Guests) -> None:
    """Tables are recycled throughout, in every VM, those of pVMs that sleep meanwhile too."""
    holder = forking.start("hold")
    assert holder.line() == "ready"
    said = forking.run("many", "3000", timeout_s=110)
    assert said.status == 0, (said.brief(), forking.log())
    stats = forking.stats()
    assert stats["memory"]["zaps"] > 20 and stats["vcpus"]["made"] < 32
    assert holder.end().status == 0
    forking.is_well()


def test_memory_pressure() -> None:
    program = build("torture")
    with family(image_of(program), program, "vms", memory_mib=96, vm_per_pvm=True) as guests:
        twice(guests, "pressure", "40", "4")


def test_a_message_to_a_sleeper_does_not_leave_the_kernel() -> None:
    """The port by which a sleeper is notified is made in the sender's VM: KVM takes what it writes there."""
    micro.build()
    program = micro.BUILD / "pipe"
    with family(image_of(program), program, "vms", vm_per_pvm=True) as guests:
        running = guests.start("--mode=blocked", "--gap-us=400", "--budget-ms=60000", "--iterations=1000000")
        pvms: list[dict[str, int]] = []

        def enough() -> bool:
            pvms[:] = guests.monitor.control.request("list")["pvms"]
            return len(pvms) == 2 and pvms[1]["hypercalls"] > 700

        wait_until(enough, lambda: pvms)
        guests.end_all()
        running.end()
    sender, receiver = pvms
    came_out = sender["exits"] - sender["hypercalls"] - sender["faults"]
    assert came_out < receiver["hypercalls"] * 0.3, pvms


# ---- limits


def refused(*words: str) -> str:
    image, program = hostile()
    command = [*FamilyOptions(image, vm_per_pvm=True).command(), *words, "--", str(program), "well"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 125 and done.stderr.startswith("monitor: --vm-per-pvm"), done.stderr
    return done.stderr


def accepted(*words: str, limit: str = "") -> None:
    image, program = hostile()
    command = [*FamilyOptions(image, vm_per_pvm=True).command(), *words, "--", str(program), "well"]
    if limit:
        command = ["prlimit", limit, *command]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


def test_more_than_the_kernel_has_memory_for_is_refused() -> None:
    """With the number that fits, which then does."""
    host_mib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    said = refused("--memory", f"{host_mib // 2}M", "--pvms", "4000")
    assert "of the kernel's memory" in said and "less --memory" in said
    fit = int(said.partition("give --pvms ")[2].split()[0])
    assert 0 < fit < 4000
    accepted("--memory", f"{host_mib // 2}M", "--pvms", str(fit))
    refused("--memory", f"{host_mib // 2}M", "--pvms", str(fit + 1))


def test_fewer_descriptors_are_fewer_pvms() -> None:
    image, program = hostile()
    words = [*FamilyOptions(image, pvms=500, vm_per_pvm=True).command(), "--memory", "64M"]
    few = ["prlimit", "--nofile=700:700", *words, "--", str(program), "well"]
    done = subprocess.run(few, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 125 and "descriptors" in done.stderr, done.stderr
    fit = done.stderr.partition("give --pvms ")[2].split()[0]
    accepted("--memory", "64M", "--pvms", fit, limit="--nofile=700:700")


def test_a_limit_that_nobody_asked_for_is_what_fits() -> None:
    image, program = hostile()
    with family(image, program, "vms", memory_mib=16, vm_per_pvm=True) as guests:
        assert guests.monitor.control.request("hello")["max_pvms"] == 64  # asked for
    command = [
        *FamilyOptions(image, vm_per_pvm=True).command(),
        "--memory",
        "64M",
        "--",
        str(program),
        "well",
    ]
    few = ["prlimit", "--nofile=700:700", *command]
    done = subprocess.run(few, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


# ---- confinement


@pytest.fixture(scope="module")
def inject(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inject") / "inject"
    subprocess.run(["gcc", "-std=gnu11", "-O1", "-o", str(made), str(HERE / "inject.c")], check=True)
    return made


def kvm_descriptor(pid: int) -> int:
    folder = Path(f"/proc/{pid}/fd")
    return next(int(entry.name) for entry in folder.iterdir() if str(entry.readlink()) == "/dev/kvm")


def told(inject: Path, pid: int, *words: int) -> str:
    done = subprocess.run(
        [inject, *map(str, (pid, *words))], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_sandbox_lets_ordinary_vms_be_made(guests: Guests, inject: Path) -> None:
    pid = guests.monitor.process.pid
    before = settled(guests, POOL)  # at first it is filled, and nobody has taken one
    assert told(inject, pid, 16, kvm_descriptor(pid), 0xAE01, 0).startswith("result ")
    assert guests.vms() == before + 1
    guests.is_well()


@pytest.mark.parametrize("words", [(16, 3, 0xAE01, 1), (16, 3, 0x5412, 0), (41, 2, 1, 0)])
def test_and_nothing_else(guests: Guests, inject: Path, words: tuple[int, ...]) -> None:
    """A VM of another type; another ioctl; another call."""
    assert told(inject, guests.monitor.process.pid, *words) == f"signal {int(signal.SIGSYS)}"
