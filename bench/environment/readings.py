"""Readings of a machine at work: taken before and after a cell, and what they say of the time between.

One reading opens nine small files, some 0.2 ms. Sources: proc_stat(5), proc_loadavg(5), the kernel's
Documentation/accounting/psi.rst and Documentation/admin-guide/cgroup-v2.rst (cpu.stat)."""

import os
import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.environment.machine import PROC

PRESSURES = ("cpu", "memory", "io")
_FREQUENCY = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_SOME = re.compile(r"^some avg10=([\d.]+) .*total=(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one moment. CPU times in seconds over all CPUs since boot, in clock ticks (10 ms).
    What the kernel does not offer is absent (mappings) or None."""

    time_s: float  # CLOCK_MONOTONIC
    cpus: int
    user_s: float  # with nice, and with what guests of ours ran
    system_s: float
    irq_s: float
    softirq_s: float
    steal_s: float
    context_switches: int
    load_1min: float
    memory_available_bytes: int
    swap_in_pages: int
    ours_s: float  # CPU time of the suite and of its cgroup
    pressure_avg10: dict[str, float] = field(default_factory=dict)  # percent of the last 10 s
    pressure_s: dict[str, float] = field(default_factory=dict)  # some task waited, seconds since boot
    cpu_mhz: float | None = None


def take(cgroup: Path | None = None) -> Reading:
    """Read now. ``cgroup`` is the directory of the cgroup-v2 subtree that holds all that the suite started;
    without it, the suite's own and its ended children's CPU time stand for it."""
    stat = (PROC / "stat").read_text()
    user, nice, system, _idle, _wait, irq, softirq, steal = (
        int(ticks) * _TICK_S for ticks in stat.split("\n", 1)[0].split()[1:9]
    )
    pressure = _pressures()
    return Reading(
        time_s=time.monotonic(),
        cpus=os.sysconf("SC_NPROCESSORS_ONLN"),
        user_s=user + nice,
        system_s=system,
        irq_s=irq,
        softirq_s=softirq,
        steal_s=steal,
        context_switches=_counter(stat, "ctxt"),
        load_1min=os.getloadavg()[0],
        memory_available_bytes=_counter((PROC / "meminfo").read_text(), "MemAvailable:") * 1024,
        swap_in_pages=_counter((PROC / "vmstat").read_text(), "pswpin"),
        ours_s=_ours(cgroup),
        pressure_avg10={name: avg10 for name, (avg10, _) in pressure.items()},
        pressure_s={name: total for name, (_, total) in pressure.items()},
        cpu_mhz=_frequency(),
    )


def _counter(table: str, key: str) -> int:
    """The number after ``key`` at the start of a line; 0 where the kernel does not count it."""
    found = re.search(rf"^{re.escape(key)}\s+(\d+)", table, re.MULTILINE)
    return int(found[1]) if found else 0


def _pressures() -> dict[str, tuple[float, float]]:
    """Pressure-stall information by resource; empty on kernels without it (or with psi=0)."""
    found = {}
    for name in PRESSURES:
        try:
            match = _SOME.search((PROC / "pressure" / name).read_text())
        except OSError:
            continue
        if match:
            found[name] = (float(match[1]), int(match[2]) / 1e6)
    return found


def _frequency() -> float | None:
    try:
        return int(_FREQUENCY.read_text()) / 1000
    except (OSError, ValueError):
        return None


def _ours(cgroup: Path | None) -> float:
    """The suite's process is not in its cgroup, and its children are: they are not counted twice."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    seconds = own.ru_utime + own.ru_stime
    if cgroup is None:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return seconds + children.ru_utime + children.ru_stime
    try:
        return seconds + _counter((cgroup / "cpu.stat").read_text(), "usage_usec") / 1e6
    except OSError:
        return seconds


def between(before: Reading, after: Reading) -> dict[str, float]:
    """What a cell's two readings say, as finite numbers by name (JSON values; a key the kernel has no
    figure for is left out). A ``share`` is of all CPU time there was, 0..1.

    ``interference_share`` is CPU time in user and system mode that was not ours. Interrupt time is left out
    of it, as the kernel does not say for whom it was spent: with a network load it is mostly ours."""
    wall = max(after.time_s - before.time_s, 1e-9)
    capacity = wall * max(after.cpus, 1)

    def share(seconds: float) -> float:
        return round(min(max(seconds / capacity, 0.0), 1.0), 6)

    ran = (after.user_s - before.user_s) + (after.system_s - before.system_s)
    ours = after.ours_s - before.ours_s
    figures = {
        "wall_s": round(wall, 6),
        "cpus": float(after.cpus),
        "load_1min_before": before.load_1min,
        "busy_share": share(ran + after.irq_s - before.irq_s + after.softirq_s - before.softirq_s),
        "irq_share": share(after.irq_s - before.irq_s),
        "softirq_share": share(after.softirq_s - before.softirq_s),
        "steal_share": share(after.steal_s - before.steal_s),
        "ours_share": share(ours),
        "interference_share": share(ran - ours),
        "context_switches_per_s": round((after.context_switches - before.context_switches) / wall, 1),
        "memory_available_bytes_before": float(before.memory_available_bytes),
        "memory_available_bytes": float(after.memory_available_bytes),
        "swap_in_pages": float(after.swap_in_pages - before.swap_in_pages),
    }
    for name in before.pressure_s.keys() & after.pressure_s.keys():
        figures[f"pressure_{name}_avg10_before"] = before.pressure_avg10[name]
        waited = after.pressure_s[name] - before.pressure_s[name]
        figures[f"pressure_{name}_share"] = round(min(max(waited / wall, 0.0), 1.0), 6)  # of wall time
    for key, reading in (("cpu_mhz_before", before), ("cpu_mhz", after)):
        if reading.cpu_mhz is not None:
            figures[key] = reading.cpu_mhz
    return dict(sorted(figures.items()))


@contextmanager
def observe_cell(cgroup: Path | None = None) -> Iterator[dict[str, float]]:
    """Read before and after; the yielded dict is empty inside the ``with`` and filled (see ``between``)
    when it ends, whatever the way."""
    figures: dict[str, float] = {}
    before = take(cgroup)
    try:
        yield figures
    finally:
        figures.update(between(before, take(cgroup)))
