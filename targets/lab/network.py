"""Network namespaces and links, made with iproute2's `ip -batch`.

`ip` was preferred to pyroute2 by measurement: a place takes three commands of 2 ms each, while importing
pyroute2 alone takes 140 ms."""

import contextlib
import fcntl
import os
import socket
import struct
import subprocess
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from targets.lab.namespaces import NETNS_DIRECTORY, entered
from vocabulary.errors import HostError

BRIDGE = "kxbr0"
TARGET_INTERFACE = "eth0"  # the name inside the deployment's namespace
COMMAND_S = 20.0
LINK_GONE_S = 2.0
TUN = Path("/dev/net/tun")
_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR, _IFF_TUN_EXCL = 0x0002, 0x1000, 0x4000, 0x8000
# No IPv6 in our namespaces: its router solicitations and duplicate-address detection would be noise on the
# measured link. A generator opens many short connections: it gets most of the ports.
SETTINGS = {
    "ipv6/conf/all/disable_ipv6": "1",
    "ipv6/conf/default/disable_ipv6": "1",
    "ipv4/ip_local_port_range": "10240 65535",
}


class Network:
    """Makes namespaces and links. ``lock`` is the run lock's descriptor: each `ip` holds it while it runs,
    so that a run counts as dead only when the last of them is done."""

    def __init__(self, lock: int) -> None:
        self._lock = lock

    def add_namespace(self, name: str) -> None:
        """A namespace with its loopback not yet up. Raises HostError."""
        self._ip([f"netns add {name}"])
        with entered(name):
            for setting, value in SETTINGS.items():
                with contextlib.suppress(OSError):  # a kernel without IPv6
                    Path("/proc/sys/net", setting).write_text(value)

    def delete_namespace(self, name: str) -> None:
        """No error if it does not exist. Raises HostError."""
        if (NETNS_DIRECTORY / name).exists():
            self._ip([f"netns del {name}"])

    def add_bridge(self, namespace: str, address: str) -> None:
        """The suite's bridge with its address (``a.b.c.d/bits``). Raises HostError."""
        self._ip(
            [
                "link set lo up",
                f"link add {BRIDGE} type bridge",
                f"addr add {address} dev {BRIDGE}",
                f"link set {BRIDGE} up",
            ],
            namespace,
        )

    def add_veth(self, lab: str, site: str, interface: str, address: str) -> None:
        """A pair from the bridge in ``lab``, where its end is ``interface``, to ``site``. Made inside
        ``lab``: no end is ever in the host's namespace. Raises HostError."""
        self._ip(
            [
                f"link add {interface} type veth peer name {TARGET_INTERFACE} netns {site}",
                f"link set {interface} master {BRIDGE} up",
            ],
            lab,
        )
        self._ip(
            [
                "link set lo up",
                f"addr add {address} dev {TARGET_INTERFACE}",
                f"link set {TARGET_INTERFACE} up",
            ],
            site,
        )

    def add_tap(self, lab: str, site: str, interface: str) -> int:
        """A tap on the bridge in ``lab`` for a machine that runs in ``site``, which has no link else.

        Returns its descriptor; the tap is gone when all copies of that are closed, so nothing is left of it
        whatever dies. A machine is given the descriptor: the tap stands where the suite's end of a veth pair
        would, and ``site`` needs neither veth nor bridge. Frames carry struct virtio_net_hdr.

        Raises HostError."""
        with entered(lab):
            descriptor = _open_tap(interface)
        try:
            self._ip([f"link set {interface} master {BRIDGE} up"], lab)
            self._ip(["link set lo up"], site)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def await_gone(self, lab: str, interface: str) -> None:
        """The kernel takes a deleted namespace's links down in the background; wait for that, at most 2 s,
        so that it is not measured with the next deployment."""
        deadline = time.monotonic() + LINK_GONE_S
        with entered(lab):
            while time.monotonic() < deadline:
                try:
                    socket.if_nametoindex(interface)
                except OSError:
                    return
                time.sleep(0.002)

    def _ip(self, commands: Sequence[str], namespace: str | None = None) -> None:
        held = (self._lock,) if self._lock >= 0 else ()
        with entered(namespace) if namespace else nullcontext():
            try:
                done = subprocess.run(
                    ["ip", "-batch", "-"],
                    input="\n".join(commands) + "\n",
                    capture_output=True,
                    text=True,
                    timeout=COMMAND_S,
                    check=False,
                    pass_fds=held,
                )
            except FileNotFoundError as error:
                raise HostError("there is no `ip`", remedy="apt-get install iproute2") from error
            except subprocess.TimeoutExpired as error:
                raise HostError(
                    f"`ip` did not answer within {COMMAND_S:.0f} s", where="; ".join(commands)
                ) from error
        if done.returncode:
            raise HostError(
                " ".join(done.stderr.split()) or f"`ip` ended with {done.returncode}",
                where=f"ip -batch in {namespace or 'the host'}: {'; '.join(commands)}",
                remedy="run as root; `kxbench doctor` says what is lacking, `kxbench clean` removes remains",
            )


def _open_tap(name: str) -> int:
    """A new tap in the namespace of the calling thread. Raises HostError."""
    try:
        descriptor = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
        try:
            flags = _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR | _IFF_TUN_EXCL
            fcntl.ioctl(descriptor, _TUNSETIFF, struct.pack("16sH22x", name.encode(), flags))
        except BaseException:
            os.close(descriptor)
            raise
    except OSError as error:
        raise HostError(
            f"no tap can be made: {error.strerror}",
            where=str(TUN),
            remedy="modprobe tun; in a container, give it access to the device",
        ) from error
    return descriptor


def namespaces(prefix: str) -> list[str]:
    """Those under /run/netns whose name starts so."""
    if not NETNS_DIRECTORY.is_dir():
        return []
    return sorted(path.name for path in NETNS_DIRECTORY.iterdir() if path.name.startswith(prefix))


def inhabitants(names: Sequence[str]) -> dict[int, str]:
    """The processes whose network namespace is one of ``names``: {pid: name}."""
    inodes = {}
    for name in names:
        with contextlib.suppress(OSError):
            inodes[(NETNS_DIRECTORY / name).stat().st_ino] = name
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with contextlib.suppress(OSError):
                inode = (process / "ns/net").stat().st_ino
                if inode in inodes:
                    found[int(process.name)] = inodes[inode]
    return found
