"""What this machine can do, tested by doing it: capability flags of kernels are known to lie."""

import fcntl
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import Any

from vocabulary import KxbenchError

_SUDO, _UNTRIED = "run it with sudo", "not tried: it needs root"
_PROBING = ("bcc", "tracepoints", "ring buffer", "uprobes", "usdt", "kprobes", "perf counters")
_KVM_GET_API_VERSION, _KVM_CREATE_VM, _KVM_CREATE_VCPU = 0xAE00, 0xAE01, 0xAE41  # linux/kvm.h
_TUNSETIFF, _IFF_TAP, _IFF_NO_PI = 0x400454CA, 0x0002, 0x1000  # linux/if_tun.h


@dataclass(frozen=True, slots=True)
class Finding:
    """``required``: without it the process target cannot be measured at all."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    required: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def examine() -> Iterator[Finding]:
    """Every capability, cheapest first. Never raises: what fails is a finding. What only root can try is
    told as not tried to others, since why it fails for them says nothing of the machine."""
    root = os.geteuid() == 0
    yield Finding("root", root, f"uid {os.geteuid()}", _SUDO, required=True)
    if root:
        remedy = "a kernel with CONFIG_NET_NS; in a container, --privileged"
        yield _tried("network namespaces", _namespaces, remedy, True)
        yield _tried("taps", _tap, "modprobe tun, and give access to /dev/net/tun")
    else:
        yield Finding("network namespaces", False, _UNTRIED, _SUDO, required=True)
        yield Finding("taps", False, _UNTRIED, _SUDO)
    yield _tried(
        "KVM",
        _kvm,
        "enable virtualisation in the firmware or nested KVM on the host; modprobe kvm-amd or kvm-intel",
    )
    yield _pvms()
    yield _machines()
    if root:
        yield from _probing()
    else:
        yield from (Finding(name, False, _UNTRIED, _SUDO) for name in _PROBING)
    for program, (flag, package) in _PROGRAMS.items():
        yield _program(program, flag, package)


def _pvms() -> Finding:
    from targets.kylinx import host

    why, _, remedy = host.missing().partition("; ")
    return Finding("pVMs", not why, why or "KVM has all that KylinX needs", remedy)


def _machines() -> Finding:
    from targets.microkernel import host

    why, _, remedy = host.missing().partition("; ")
    return Finding("ARM machines", not why, why or "cross-compiler, emulated board, lwIP's source", remedy)


def _probing() -> Iterator[Finding]:
    from probes.doctor import check_probes
    from workloads.micro import build, programs

    try:
        build()
    except KxbenchError as error:
        yield Finding("micro programs", False, str(error), error.remedy)
    with_usdt = programs()["fork"]
    for check in check_probes(with_usdt if with_usdt.exists() else None):
        yield Finding(check.name, check.ok, check.detail, check.remedy)


def _tried(name: str, attempt: Callable[[], str], remedy: str, required: bool = False) -> Finding:
    try:
        return Finding(name, True, attempt(), "", required)
    except PermissionError as error:
        return Finding(name, False, f"{error.filename}: {error.strerror}", _SUDO, required)
    except Exception as error:  # whatever stops it is the finding
        return Finding(name, False, str(error) or type(error).__name__, remedy, required)


def _namespaces() -> str:
    from targets.lab import Lab

    with Lab("doctor") as lab, lab.site("a") as site, site.place.entered():
        return "made two, with a bridge, a veth pair and a cgroup each"


def _tap() -> str:
    from targets.lab import Lab

    with Lab("doctor") as lab, lab.place.entered():
        handle = os.open("/dev/net/tun", os.O_RDWR)
        try:
            fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH", b"kxb-doctor", _IFF_TAP | _IFF_NO_PI))
        finally:
            os.close(handle)
    return "made one in a namespace"


def _kvm() -> str:
    with ExitStack() as stack:

        def opened(handle: int) -> int:
            stack.callback(os.close, handle)
            return handle

        kvm = opened(os.open("/dev/kvm", os.O_RDWR | os.O_CLOEXEC))
        version = fcntl.ioctl(kvm, _KVM_GET_API_VERSION, 0)
        machine = opened(fcntl.ioctl(kvm, _KVM_CREATE_VM, 0))
        opened(fcntl.ioctl(machine, _KVM_CREATE_VCPU, 0))
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:  # noqa: PTH123
        flags = set(re.findall(r"\b(?:vmx|svm)\b", cpuinfo.read()))
    how = f"hardware ({flags.pop()})" if flags else "software KVM (no vmx or svm)"
    return f"API {version}, made a VM and a vCPU; {how}"


_PROGRAMS = {
    "redis-server": ("--version", "redis-server"),
    "nginx": ("-v", "nginx-light"),
    "nsd": ("-v", "nsd"),
    "redis-benchmark": ("--version", "redis-tools"),
    "wrk": ("-v", "wrk"),
    "dnsperf": ("-h", "dnsperf"),
    "perf": ("--version", "linux-perf (on Ubuntu: linux-tools-$(uname -r))"),
    "gcc": ("--version", "gcc"),
    "arm-none-eabi-gcc": ("--version", "gcc-arm-none-eabi"),
    "qemu-system-arm": ("--version", "qemu-system-arm"),
}


def _program(program: str, flag: str, package: str) -> Finding:
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not path:
        return Finding(program, False, "not found", f"apt-get install {package}")
    done = subprocess.run([path, flag], capture_output=True, text=True, timeout=10, check=False)
    if done.returncode not in (0, 1):  # Ubuntu's perf has none for this kernel; wrk ends its usage with 1
        told = next(iter(done.stderr.splitlines()), f"exit code {done.returncode}")
        return Finding(program, False, told, f"apt-get install {package}")
    version = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
    return Finding(program, True, version.group() if version else "found")
