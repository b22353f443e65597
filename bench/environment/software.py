"""Facts of the kernel, the distribution, the packages and our own commit."""

import platform
import re
import subprocess
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.environment.machine import PROC, text

ROOT = Path(__file__).resolve().parents[2]

PACKAGES = (
    "redis-server",
    "redis-tools",
    "nginx",
    "nginx-light",
    "nsd",
    "wrk",
    "dnsperf",
    "linux-perf",
    "python3-bpfcc",
    "libbpfcc",
    "libc6",
    "gcc",
    "iproute2",
    "linux-headers-*",
)
"""Debian packages whose version bears on a result; patterns are dpkg-query's."""

FLAG = re.compile(
    r"^(mitigations|nosmt|isolcpus|nohz|nohz_full|rcu_nocbs|idle|processor\.max_cstate|intel_idle\.max_cstate|"
    r"intel_pstate|amd_pstate|cpuidle\S*|haltpoll\S*|cpufreq\S*|clocksource|tsc|transparent_hugepage\S*|"
    r"hugepages\S*|default_hugepagesz|hugepagesz|nokaslr|norandmaps|preempt|threadirqs|irqaffinity|numa_balancing|"
    r"pti|nopti|spectre_v2\S*|spec_store_bypass_disable|l1tf|mds|tsx\S*|kvm\S*|nested\S*|psi|nomodule|"
    r"maxcpus|nr_cpus|mem|swapaccount|cgroup\S*|systemd\.unified_cgroup_hierarchy|skew_tick|nowatchdog|sched_\S*)"
    r"(=\S*)?$"
)
"""Kernel flags that change how fast things are. The rest of the command line is nobody's business."""


def kernel() -> str:
    return platform.release()


def kernel_build() -> str:
    return platform.version()


def kernel_flags() -> list[str]:
    """Those of ``FLAG`` on the kernel's command line, up to ``--`` (what follows is init's)."""
    flags = text(PROC / "cmdline").split(" -- ", 1)[0].split()
    return [flag for flag in flags if FLAG.match(flag)]


def distribution() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def c_library() -> str:
    return " ".join(platform.libc_ver())


def python() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def packages() -> dict[str, str]:
    """Version of each of ``PACKAGES`` that is installed. Raises FileNotFoundError where there is no dpkg."""
    argv = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\t${Package}\t${Version}\n", *PACKAGES]
    # exits 1 when one of them is not known; the others are printed all the same
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    rows = (line.split("\t") for line in done.stdout.splitlines())
    return {name: number for status, name, number in rows if status.startswith("ii")}


def python_packages() -> dict[str, str]:
    """Installed version of each package that requirements.in names."""
    names = re.findall(r"^([A-Za-z0-9_.-]+)", text(ROOT / "requirements.in"), re.MULTILINE)
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git(*args: str) -> str:
    """safe.directory: the tree may belong to the person who runs us with sudo."""
    argv = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *args]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise LookupError(
            done.stderr.strip().splitlines()[0] if done.stderr.strip() else "git does not know it"
        )
    return done.stdout.strip()


def git_commit() -> str:
    return _git("rev-parse", "HEAD")


def commit_of(revision: str) -> str:
    """The commit, 40 digits, that git knows by that name. Raises LookupError."""
    return _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")


CODE = ("bench", "kxbench", "probes", "results", "targets", "vocabulary", "workloads")
"""What is measured and measures. A report or a plan that lies beside them changes nothing."""


def git_dirty() -> bool:
    """Whether the code has uncommitted changes."""
    return bool(_git("status", "--porcelain", "--", *(f":/{folder}" for folder in CODE)))


def git_changes() -> str:
    """12 hexadecimal digits that tell one state of uncommitted changes to the code from another; empty where
    there are none."""
    places = ("--", *(f":/{folder}" for folder in CODE))
    new = _git("ls-files", "--others", "--exclude-standard", "-z", *places)
    changed = _git("diff", "HEAD", "--binary", *places)
    if not (new or changed):
        return ""
    digest = sha256(changed.encode(errors="replace"))
    for name in sorted(filter(None, new.split("\0"))):
        digest.update(name.encode(errors="replace") + (ROOT / name).read_bytes())
    return digest.hexdigest()[:12]
