"""The lab: the suite's own place with a bridge, and a place with a link to it for each deployment."""

import ipaddress
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from targets.lab import cgroups, leftovers
from targets.lab.build import launcher
from targets.lab.lock import RunLock
from targets.lab.namespaces import can_unshare, make_ipc_namespace
from targets.lab.network import BRIDGE, Network
from targets.lab.place import LabPlace, Spawner
from vocabulary.errors import HostError

SUBNET = ipaddress.ip_network("10.203.0.0/16")
# Per IPC namespace, so the host's are untouched (mq_overview(7), proc(5)). The stock limits, 8 KiB a
# message and 16 KiB a SysV queue, would not hold one message of 64 KiB.
IPC_LIMITS = {
    "kernel/msgmax": 1 << 20,
    "kernel/msgmnb": 4 << 20,
    "fs/mqueue/msg_max": 1024,
    "fs/mqueue/msgsize_max": 1 << 20,
}
_RUN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SITE = re.compile(r"[A-Za-z0-9_.]{1,48}")  # no dash: it ends the run's id


def missing() -> str:
    """Why a lab cannot be made on this host, with the remedy; empty when it can. It is tried."""
    why = _obstacle()
    return f"{why}; {why.remedy}" if why else ""


def _obstacle() -> HostError | None:
    if os.geteuid() != 0:
        return HostError("network namespaces and control groups need root", remedy="run as root (sudo)")
    if shutil.which("ip") is None:
        return HostError("there is no `ip`", remedy="apt-get install iproute2")
    if why := can_unshare():
        return HostError(
            f"no network namespace can be made ({why})",
            remedy="run outside the container, or give it CAP_SYS_ADMIN",
        )
    try:
        cgroups.tree()
        launcher()
    except HostError as error:
        return error
    return None


@dataclass(frozen=True, slots=True)
class Site:
    """A deployment's place. ``address`` is its own (IPv4), ``interface`` the suite-side end of its link,
    which is in the lab's namespace; ``peer`` is the suite's address. ``tap`` is the descriptor of the link
    of a site made for a machine: the address is the machine's to take, the place has no link."""

    place: LabPlace
    address: str
    interface: str
    peer: str
    tap: int | None = None

    @property
    def network(self) -> str:
        """The address with the length of the network's prefix: ``10.203.0.2/16``."""
        return f"{self.address}/{SUBNET.prefixlen}"


class Lab:
    """A run's namespaces, cgroups and lock, from ``__enter__`` to ``__exit__``.

    ``run`` (default: a new ``YYYYMMDD-HHMMSS-xxxx``) names them; what an earlier, dead run of that name left
    is removed first. Everything inside dies with this process, however it ends; the names that a killed
    process leaves are found by `leftovers`. One thread at a time may call it."""

    def __init__(self, run: str | None = None) -> None:
        self.run = run or f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{secrets.token_hex(2)}"
        if not _RUN.fullmatch(self.run):
            raise ValueError(f"not a run's name: {self.run!r}")
        self.address = str(SUBNET[1])
        self.interface = BRIDGE
        self._stack = ExitStack()
        self._sites = 0
        self._names: set[str] = set()
        self._place: LabPlace | None = None

    def __enter__(self) -> Self:
        if why := _obstacle():
            raise why
        with ExitStack() as stack:
            lock = RunLock(self.run)
            lock.acquire()
            stack.callback(lock.release)
            leftovers.clear(self.run)
            stack.callback(leftovers.clear, self.run)  # what a site could not undo: an interrupt cut it short
            self._network = Network(lock.descriptor)
            self._group = cgroups.tree() / f"{cgroups.PREFIX}{self.run}"
            stack.callback(cgroups.remove, self._group)
            cgroups.make(self._group)
            stack.enter_context(_guard(self._group))
            self._spawner = Spawner()
            stack.callback(self._spawner.close)
            self._place = stack.enter_context(self._make_place("lab"))
            self._network.add_bridge(self._place.netns, f"{self.address}/{SUBNET.prefixlen}")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place = None
        self._stack.close()

    def missing(self) -> str:
        return missing()

    @property
    def place(self) -> LabPlace:
        """The suite's own, with the bridge ``interface`` and ``address``."""
        if self._place is None:
            raise RuntimeError("the lab is used outside its `with`")
        return self._place

    def unused_name(self, base: str) -> str:
        """``base`` with a number after it that no site of this lab has had."""
        return f"{base}{self._sites + 1}"

    @contextmanager
    def site(self, name: str, *, tap: bool = False) -> Iterator[Site]:
        """A fresh place ``kxb-RUN-<name>`` linked to the bridge by a veth pair, or for a machine by a
        ``tap``; gone, with all that runs in it, at the end.

        Raises HostError."""
        if not _SITE.fullmatch(name) or name == "lab" or name in self._names:
            raise ValueError(f"not a site's name, or one in use: {name!r}")
        lab = self.place.netns
        self._sites += 1
        address = str(SUBNET[2 + (self._sites - 1) % (SUBNET.num_addresses - 3)])
        interface = f"kxbv{self._sites}"
        self._names.add(name)
        try:
            with self._make_place(name) as place:
                if tap:
                    with self._tap(place.netns, interface) as descriptor:
                        yield Site(place, address, interface, self.address, descriptor)
                else:
                    self._network.add_veth(lab, place.netns, interface, f"{address}/{SUBNET.prefixlen}")
                    yield Site(place, address, interface, self.address)
            self._network.await_gone(lab, interface)
        finally:
            self._names.discard(name)

    @contextmanager
    def _tap(self, netns: str, interface: str) -> Iterator[int]:
        descriptor = self._network.add_tap(self.place.netns, netns, interface)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    @contextmanager
    def _make_place(self, name: str) -> Iterator[LabPlace]:
        """Each step's undoing is noted before the step, and all are undone even if one fails."""
        netns, group = f"{cgroups.PREFIX}{self.run}-{name}", self._group / name
        with ExitStack() as stack:
            stack.callback(cgroups.remove, group)
            cgroups.make(group)
            stack.callback(self._network.delete_namespace, netns)
            self._network.add_namespace(netns)
            ipc = make_ipc_namespace(IPC_LIMITS)
            stack.callback(os.close, ipc)
            stack.callback(cgroups.kill, group)  # first of all: namespaces go with their last process
            yield LabPlace(netns, group, ipc, self._spawner)


@contextmanager
def _guard(group: Path) -> Iterator[None]:
    """A process that kills ``group`` when this one is gone, and ends with the ``with``.

    The parent-death signal reaches only what we start ourselves; their children
    (nginx's workers) need this."""
    theirs, ours = os.pipe2(os.O_CLOEXEC)
    try:
        process = subprocess.Popen(
            [str(launcher()), "--guard", str(theirs), str(group)],
            pass_fds=(theirs,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        yield
    finally:
        os.close(ours)
        process.wait()
