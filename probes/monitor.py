"""What runs in pVMs, seen at its monitor: no probe of the host's reaches what a guest does inside."""

from collections.abc import Sequence
from pathlib import Path

from probes.part import Layout, Part, Series, tally

MONITOR = "kxmonitor"
"""The provider of the monitor's USDT probes, as a target names it in ``probe_points``."""

HYPERCALLS = (
    "exit",
    "fork",
    "wait",
    "notify",
    "kick",
    "timer",
    "memory",
    "commons",
    "console",
    "hostfs",
    "report",
    "yield",
    "affinity",
    "park",
)
"""By number: KX_HC_* of targets/kylinx/abi/kx_abi.h (a test compares them)."""


def hypercall_tallies(*, events: bool = False) -> list[Series]:
    """A counter for each number, for monitor.bpf.c; the last is of numbers that are none of these."""
    return [
        tally(f"hypercall_{call}", "hypercalls of pVMs", name="hypercalls", events=events, call=call)
        for call in (*HYPERCALLS, "unknown")
    ]


def monitor_part(
    sources: Sequence[str],
    layout: Layout,
    binary: Path,
    usdt: Sequence[str],
    *,
    ring_pages: int = 0,
    seen_at: str = "monitor",
) -> Part:
    """A part on USDT probes of the monitor. Raises UnsupportedError where it lacks one of them."""
    return Part(
        ("monitor.bpf.c", *sources),
        layout,
        defines={"KXB_HYPERCALLS": len(HYPERCALLS), "KXB_WAIT": HYPERCALLS.index("wait")},
        binary=binary,
        provider=MONITOR,
        usdt=usdt,
        seen_at=seen_at,
        ring_pages=ring_pages,
    )
