"""What makes a machine, a cell or a series noisy: one enum, each with its message and advice (hyperfine's
habit, its src/output/warnings.rs), and the rule that marks a cell ``noisy``.

Everything here advises, except ``noisy_reason``, which decides an outcome."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEAL_WARNED = 0.02
STEAL_NOISY = 0.10
"""A cell that lost a tenth of the CPU to other guests is off by as much: twice the differences (5 %) that the
suite is to tell apart. Clouds with shared cores show 0 to 3 % when nothing is wrong."""

INTERFERENCE_WARNED = 0.10
INTERFERENCE_NOISY = 0.50
"""Half of all CPU time: on the two shared cores of a small cloud machine, one whole core went to others, and
client and server had the remaining one between them. Below that, blocks and medians absorb it."""

SHORTEST_JUDGED_S = 0.2
"""CPU times come in ticks of 10 ms, and starting and removing a place is itself kernel work that is charged
to nobody: in a shorter cell the shares say little."""

LOW_MEMORY = 0.10  # of all memory: below this the kernel reclaims, and huge pages are not found
FEW_BLOCKS = 5
OUTLIER = 3.5
"""Modified z-score above which Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993) call a value an
outlier. hyperfine, which cites them, takes 14.8; deployments are few, and one of five moves an interval."""

LEAST_APART = 0.05
"""Nor is a deployment an outlier that is within this of the median: four may agree to the nanosecond."""

SLOW_FIRST = 1.25  # the first deployment this many times slower than the median of the others


class Caution(Enum):
    """``(message, advice)``; the message is completed by what was found."""

    STEAL = (
        "other guests of this host took CPU time",
        "use dedicated cores, or run again later",
    )
    LOADED = (
        "the machine was busy before the run began",
        "stop other work; after set-up or a build, wait a minute",
    )
    INTERFERENCE = (
        "programs that are not ours used the CPU",
        "stop them (ps aux --sort=-pcpu)",
    )
    GOVERNOR = ("the CPU changes its frequency", "cpupower frequency-set -g performance")
    TURBO = (
        "turbo is on: frequency depends on temperature and on the other cores",
        "in /sys/devices/system/cpu: echo 1 > intel_pstate/no_turbo, or echo 0 > cpufreq/boost",
    )
    SMT = ("two threads share a core (SMT is on)", "echo off > /sys/devices/system/cpu/smt/control")
    VIRTUALISED = (
        "this is a virtual machine: neighbours and the hypervisor show in every figure",
        "trust ratios inside one run, not absolute figures; use bare metal for those",
    )
    NESTED = (
        "KVM runs inside a virtual machine here: its exits cost many times what they do on hardware",
        "compare virtual machines with processes on bare metal before believing their absolute cost",
    )
    ASLR_OFF = (
        "address-space randomisation is off",
        "sysctl kernel.randomize_va_space=2: one layout is one sample",
    )
    THP_ALWAYS = (
        "transparent huge pages are always on: cases with default pages get huge ones",
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )
    THP_NEVER = (
        "transparent huge pages are off: cases that advise them get small ones",
        "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
    )
    SWAP = ("memory was swapped out", "swapoff -a, or give the machine more memory")
    CLOCKSOURCE = (
        "the clock is not the time-stamp counter: each reading may cost a system call",
        "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if it is offered",
    )
    LOW_MEMORY = ("little memory is available", "stop other work, or leave out the cases with large memory")
    ONE_CPU = (
        "one CPU for the load and what it loads: latencies hold both",
        "use two or more",
    )
    FEW_BLOCKS = (
        "few deployments: intervals are wide, small differences not found",
        "run with --blocks 5",
    )
    OUTLIERS = ("deployments differ from the rest", "look at the readings of those cells; run more blocks")
    SLOW_FIRST = ("the first deployment was slower: caches were cold", "set warmup = 1 in the plan")
    LOST_EVENTS = ("probe events were lost: counts and latencies lack them", "run fewer probes at once")
    GENERATOR_LATE = (
        "the generator could not keep its schedule",
        "lower the rate or give the generator a core of its own; the server's latency is not known there",
    )

    @property
    def message(self) -> str:
        return str(self.value[0])

    @property
    def advice(self) -> str:
        return str(self.value[1])


@dataclass(frozen=True, slots=True)
class Finding:
    """A caution and what it was raised by, as ``steal 3.1 %``. ``str()`` is one line for people."""

    caution: Caution
    detail: str = ""

    def __str__(self) -> str:
        detail = f" ({self.detail})" if self.detail else ""
        return f"{self.caution.message}{detail}: {self.caution.advice}"


def for_environment(environment: Mapping[str, Any]) -> list[Finding]:
    """From ``bench.environment.describe()``. A fact that is unknown raises nothing."""
    found: list[Finding] = []

    def check(wrong: object, caution: Caution, detail: str = "") -> None:
        if wrong:
            found.append(Finding(caution, detail))

    get = environment.get
    cpus, load = get("cpus"), get("load_1min")
    check(cpus == 1, Caution.ONE_CPU)
    check(cpus and load is not None and load > cpus / 2, Caution.LOADED, f"load {load}, {cpus} CPUs")
    check(get("governor") not in (None, "performance"), Caution.GOVERNOR, f"governor {get('governor')}")
    check(get("turbo"), Caution.TURBO)
    check(get("smt"), Caution.SMT)
    check(get("virtualisation") not in (None, "none"), Caution.VIRTUALISED, str(get("virtualisation")))
    check("nested" in (get("kvm") or ""), Caution.NESTED, str(get("kvm")))
    check(get("aslr") == 0, Caution.ASLR_OFF)
    check(get("transparent_hugepages") == "always", Caution.THP_ALWAYS)
    check(get("transparent_hugepages") == "never", Caution.THP_NEVER)
    check(get("swap_used_bytes"), Caution.SWAP, f"{(get('swap_used_bytes') or 0) / 2**20:.0f} MiB")
    # arm64 and others have a counter of their own that is read without a system call
    x86 = get("architecture") in ("x86_64", "i686")
    check(x86 and get("clocksource") not in (None, "tsc"), Caution.CLOCKSOURCE, f"{get('clocksource')}")
    available, memory = get("memory_available_bytes"), get("memory_bytes")
    if available is not None and memory:
        check(available < LOW_MEMORY * memory, Caution.LOW_MEMORY, f"{available / 2**20:.0f} MiB")
    return found


def for_cell(
    reading: Mapping[str, float], *, lost_events: int = 0, late_rates: Sequence[object] = ()
) -> list[Finding]:
    """From the reading of a cell (``bench.environment.observe_cell``), the probe events it lost, and the
    rates (requests/s) at which its generator said that it was saturated."""
    found = []
    shares = (
        ("steal", STEAL_WARNED, Caution.STEAL),
        ("interference", INTERFERENCE_WARNED, Caution.INTERFERENCE),
    )
    for name, limit, caution in shares:
        share = reading.get(f"{name}_share", 0.0)
        if share > limit:
            found.append(Finding(caution, f"{share:.1%} of the cell's"))
    if reading.get("swap_in_pages", 0) > 0:
        found.append(Finding(Caution.SWAP, f"{reading['swap_in_pages']:.0f} pages read back"))
    if lost_events:
        found.append(Finding(Caution.LOST_EVENTS, f"{lost_events} lost"))
    if late_rates:
        found.append(Finding(Caution.GENERATOR_LATE, f"at {', '.join(map(str, late_rates))} requests/s"))
    return found


def for_series(name: str, deployments: Sequence[float], better: str = "lower") -> list[Finding]:
    """From the medians of a series' deployments in the order they were run, in any one unit; ``name`` is
    how people know the series, ``better`` its direction (for the slow first one)."""
    values = np.asarray(deployments, np.float64)
    found = []
    if 0 < len(values) < FEW_BLOCKS:
        found.append(Finding(Caution.FEW_BLOCKS, f"{name}: {len(values)}"))
    if better != "neither" and _slow_first(values, better):
        found.append(Finding(Caution.SLOW_FIRST, name))
    far = np.abs(values - np.median(values)) > LEAST_APART * abs(np.median(values)) if len(values) else values
    apart = int(((np.abs(modified_z(values)) > OUTLIER) & far.astype(bool)).sum())
    if apart:
        found.append(Finding(Caution.OUTLIERS, f"{name}: {apart} of {len(values)}"))
    return found


def brief(findings: Iterable[Finding], most: int = 3) -> list[Finding]:
    """One finding a caution, in the order first met; its first ``most`` details, and how many more."""
    details: dict[Caution, list[str]] = {}
    for finding in findings:
        details.setdefault(finding.caution, []).append(finding.detail)
    found = []
    for caution, texts in details.items():
        distinct = [text for text in dict.fromkeys(texts) if text]
        more = [f"and {len(distinct) - most} more"] if len(distinct) > most else []
        found.append(Finding(caution, "; ".join(distinct[:most] + more)))
    return found


def _slow_first(values: NDArray[np.float64], better: str) -> bool:
    """By ``SLOW_FIRST`` and outside what the others do, which takes three of them."""
    if len(values) < 4:
        return False
    first, rest = values[0], values[1:]
    typical = float(np.median(rest))
    if better == "higher":
        return bool(first * SLOW_FIRST < typical and first < rest.min())
    return bool(first > SLOW_FIRST * typical and first > rest.max())


def modified_z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """0.6745 (x - median) / MAD, shape (N,) (Iglewicz and Hoaglin, section 3.3). Where more than half of the
    values are equal the MAD is 0 and the mean absolute deviation stands in, with 0.7979 (sqrt(2 / pi)); zeros
    for equal values and for fewer than four, of which none can be told to be the odd one."""
    if len(values) < 4:
        return np.zeros(len(values))
    deviation = values - np.median(values)
    spread, factor = float(np.median(np.abs(deviation))), 0.6745
    if spread == 0:
        spread, factor = float(np.mean(np.abs(deviation))), 0.7979
    return factor * deviation / spread if spread else np.zeros(len(values))


def noisy_reason(reading: Mapping[str, float]) -> str:
    """Why a cell with this reading is not to be trusted (its outcome is then ``noisy``); empty when it is.

    Meant for machines with two shared cores, where a stricter rule would make every run all noise: steal
    above 10 % or interference above half of all CPU time, in a cell of at least 0.2 s."""
    if reading.get("wall_s", 0.0) < SHORTEST_JUDGED_S:
        return ""
    steal, interference = reading.get("steal_share", 0.0), reading.get("interference_share", 0.0)
    if steal > STEAL_NOISY:
        return f"{Caution.STEAL.message} ({steal:.0%} of the cell's, {STEAL_NOISY:.0%} allowed)"
    if interference > INTERFERENCE_NOISY:
        allowed = f"{INTERFERENCE_NOISY:.0%} allowed"
        return f"{Caution.INTERFERENCE.message} ({interference:.0%} of all, {allowed})"
    return ""
