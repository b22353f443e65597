"""Facts of the hardware and of the kernel's settings, each read by one small function.

Sources: the kernel's Documentation/ABI/testing/sysfs-devices-system-cpu, Documentation/admin-guide/pm,
admin-guide/hw-vuln, admin-guide/mm/transhuge, admin-guide/sysctl/kernel; proc(5)."""

import os
import platform
import re
import subprocess
from pathlib import Path

SYS = Path("/sys")
PROC = Path("/proc")
CPU = SYS / "devices/system/cpu"


def text(path: Path) -> str:
    return path.read_text(errors="replace").strip()


def chosen(path: Path) -> str:
    """The bracketed word of a sysfs file that lists choices: ``always [madvise] never``."""
    found = re.search(r"\[([^]]+)]", text(path))
    if not found:
        raise ValueError(f"{path} marks no choice")
    return found[1]


def cpuinfo() -> dict[str, str]:
    """The first processor's entries of /proc/cpuinfo."""
    first = text(PROC / "cpuinfo").split("\n\n", 1)[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def meminfo(key: str) -> int:
    """An entry of /proc/meminfo, bytes. Raises KeyError."""
    found = re.search(rf"^{re.escape(key)}:\s+(\d+) kB$", text(PROC / "meminfo"), re.MULTILINE)
    if not found:
        raise KeyError(f"{key} in /proc/meminfo")
    return int(found[1]) * 1024


def cpu_model() -> str:
    """x86's ``model name``; elsewhere what the device tree or the core's registers say."""
    entries = cpuinfo()
    if "model name" in entries:
        return entries["model name"]
    tree = Path("/proc/device-tree/model")
    if tree.exists():
        return text(tree).rstrip("\0")
    return f"implementer {entries['CPU implementer']} part {entries['CPU part']}"


def architecture() -> str:
    return platform.machine()


def cpus() -> int:
    """Logical CPUs online."""
    return os.sysconf("SC_NPROCESSORS_ONLN")


def cores() -> int:
    """Physical cores: distinct sets of sibling threads."""
    siblings = {text(path) for path in CPU.glob("cpu[0-9]*/topology/core_cpus_list")}
    if not siblings:
        raise LookupError("no CPU topology in sysfs")
    return len(siblings)


def usable_cpus() -> int:
    """Those this process may run on."""
    return len(os.sched_getaffinity(0))


def microcode() -> str:
    return cpuinfo()["microcode"]


def mitigations() -> dict[str, str]:
    """Vulnerability to what the kernel does about it; those that do not affect this CPU are left out."""
    states = {path.name: text(path) for path in sorted((CPU / "vulnerabilities").iterdir())}
    return {name: state for name, state in states.items() if state != "Not affected"}


def governor() -> str:
    """Of every CPU, joined by ``+`` if they differ."""
    found = {text(path) for path in CPU.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    if not found:
        raise LookupError("no cpufreq driver: firmware or the hypervisor sets the frequency")
    return "+".join(sorted(found))


def turbo() -> bool:
    no_turbo, boost = CPU / "intel_pstate/no_turbo", CPU / "cpufreq/boost"
    if no_turbo.exists():
        return text(no_turbo) == "0"
    if boost.exists():
        return text(boost) == "1"
    raise LookupError("neither intel_pstate/no_turbo nor cpufreq/boost exists")


def smt() -> bool:
    return text(CPU / "smt/active") == "1"


def cpu_mhz() -> float:
    """Mean over CPUs, as the kernel last saw it."""
    current = [int(text(path)) / 1000 for path in CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
    return sum(current) / len(current) if current else float(cpuinfo()["cpu MHz"])


def _detect_virt(kind: str) -> str:
    """systemd-detect-virt exits 1 and prints ``none`` on a machine of its own."""
    done = subprocess.run(
        ["systemd-detect-virt", kind], capture_output=True, text=True, timeout=20, check=False
    )
    if not done.stdout.strip():
        raise LookupError(done.stderr.strip() or "systemd-detect-virt says nothing")
    return done.stdout.strip()


def virtualisation() -> str:
    """``kvm``, ``vmware``, ...; ``none`` on hardware. Without systemd: from /sys/hypervisor, DMI, and
    the ``hypervisor`` bit of CPUID leaf 1 (ECX bit 31, which hypervisors set and hardware does not)."""
    try:
        return _detect_virt("--vm")
    except FileNotFoundError:
        pass
    kind = SYS / "hypervisor/type"
    if kind.exists():
        return text(kind)
    vendor = SYS / "class/dmi/id/sys_vendor"
    known = {"QEMU": "kvm", "Amazon EC2": "amazon", "Google": "google", "VMware": "vmware"}
    if vendor.exists():
        for word, name in known.items():
            if text(vendor).startswith(word):
                return name
    flags = cpuinfo().get("flags")
    if flags is None:
        raise LookupError("neither systemd-detect-virt, DMI nor CPU flags tell")
    return "unknown hypervisor" if "hypervisor" in flags.split() else "none"


def container() -> str:
    """``docker``, ``lxc``, ...; ``none`` outside."""
    return _detect_virt("--container")


def kvm() -> str:
    """How KVM virtualises here: ``vt-x``, ``svm``, ``pvm`` (software, in nested clouds), with ``, nested``
    if this machine is itself a guest. Raises LookupError without /dev/kvm."""
    if not Path("/dev/kvm").exists():
        raise LookupError("no /dev/kvm")
    modules = {"kvm_intel": "vt-x", "kvm_amd": "svm", "kvm_pvm": "pvm"}
    kinds = [name for module, name in modules.items() if (SYS / "module" / module).is_dir()]
    flags = cpuinfo().get("flags", "").split()
    kind = "+".join(kinds) or "unknown kind"
    return f"{kind}, nested" if "hypervisor" in flags else kind


def clocksource() -> str:
    return text(SYS / "devices/system/clocksource/clocksource0/current_clocksource")


def memory_bytes() -> int:
    return meminfo("MemTotal")


def memory_available_bytes() -> int:
    return meminfo("MemAvailable")


def memory_gib() -> int:
    """Rounded: what the kernel keeps for itself changes from build to build."""
    return round(meminfo("MemTotal") / 2**30)


def swap_bytes() -> int:
    return meminfo("SwapTotal")


def swap_used_bytes() -> int:
    return meminfo("SwapTotal") - meminfo("SwapFree")


def transparent_hugepages() -> str:
    return chosen(SYS / "kernel/mm/transparent_hugepage/enabled")


def transparent_hugepages_shmem() -> str:
    return chosen(SYS / "kernel/mm/transparent_hugepage/shmem_enabled")


def aslr() -> int:
    """0 off, 1 stacks, maps and vdso, 2 the heap too."""
    return int(text(PROC / "sys/kernel/randomize_va_space"))


def load_1min() -> float:
    return round(os.getloadavg()[0], 2)
