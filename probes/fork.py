"""fork: how long it takes, for any program; told by fork.bpf.c and fork_usdt.bpf.c."""

import platform
from pathlib import Path

from probes.base import BpfProbe
from probes.monitor import monitor_part
from probes.part import RING_PAGES, Layout, Part, duration, tally
from probes.program import tracepoint_exists

_PROBES = ("fork_begin", "fork_parent", "fork_child", "fork_reaped")
_ENTRIES = {"clone": "on_clone", "clone3": "on_clone3", "fork": "on_fork", "vfork": "on_vfork"}

_FIRST = "the process's first fork: "
_LAYOUT = Layout(
    (
        duration("parent", "clone entered to returned in the parent"),
        duration("child", "clone entered to the child's return to user mode"),
        duration("total", "clone entered to wait4 returned in the parent"),
        duration("first_parent", _FIRST + "clone entered to returned in the parent"),
        duration("first_child", _FIRST + "clone entered to the child's return to user mode"),
        duration("first_total", _FIRST + "clone entered to wait4 returned in the parent"),
        duration("exit_to_wait", "exit_group entered in the child to wait4 returned in the parent"),
        duration("vfork_parent", "vfork or posix_spawn: clone entered to returned in the parent"),
    ),
    (tally("failed", "clone returned an error", name="failed_forks"),),
    ("calls", "children", "reaping", "forked"),
)
_USDT_LAYOUT = Layout(
    (
        duration("usdt_parent", "fork_begin to fork_parent"),
        duration("usdt_child", "fork_begin to fork_child"),
        duration("usdt_total", "fork_begin to fork_reaped"),
        duration("usdt_first_parent", _FIRST + "fork_begin to fork_parent"),
        duration("usdt_first_child", _FIRST + "fork_begin to fork_child"),
        duration("usdt_first_total", _FIRST + "fork_begin to fork_reaped"),
    ),
    (tally("unmatched", "ends without a beginning", name="usdt_unmatched"),),
    ("begun",),
)
_IN_MONITOR = "the monitor's part of fork: "
_MONITOR_LAYOUT = Layout(
    (
        duration("parent", _IN_MONITOR + "hypercall taken to the child let go"),
        duration("child", _IN_MONITOR + "hypercall taken to the child's vCPU about to enter it"),
        duration("first_parent", _FIRST + _IN_MONITOR + "hypercall taken to the child let go"),
        duration(
            "first_child", _FIRST + _IN_MONITOR + "hypercall taken to the child's vCPU about to enter it"
        ),
        duration("spawn_parent", "a pVM for another image (spawn, or exec after vfork): as parent"),
        duration("spawn_child", "a pVM for another image (spawn, or exec after vfork): as child"),
    ),
    (
        tally("failed", "no child came of them", name="failed_forks"),
        tally("unmatched", "ends without a beginning", name="unmatched"),
    ),
    ("begins", "halves", "forked", "forking"),
)
_MONITOR_PROBES = ("fork_begin", "fork_parent", "fork_child")


class ForkProbe(BpfProbe):
    """``ring_pages`` is the size of the buffer for exact values, a power of two. ``child_by_switch``: take
    the child's first switch-in for its start, as where the kernel does not report a child's return from
    clone; None decides by the machine."""

    name = "fork"
    summary = "fork: return in the parent, start of the child, exit to wait; of any program"
    of_programs = True

    def __init__(self, *, ring_pages: int = RING_PAGES, child_by_switch: bool | None = None) -> None:
        super().__init__()
        self._ring_pages = ring_pages
        self._by_switch = platform.machine() != "x86_64" if child_by_switch is None else child_by_switch

    def make_main(self) -> Part:
        calls = {call: to for call, to in _ENTRIES.items() if tracepoint_exists(f"syscalls:sys_enter_{call}")}
        tracepoints = {f"syscalls:sys_enter_{call}": to for call, to in calls.items()}
        tracepoints |= {f"syscalls:sys_exit_{call}": "on_return" for call in calls}
        tracepoints |= {
            "sched:sched_process_fork": "on_made",
            "syscalls:sys_enter_exit_group": "on_exit",
            "syscalls:sys_exit_wait4": "on_wait",
        }
        defines = {"TP_clone3": 1} if "clone3" in calls else {}
        if self._by_switch:
            tracepoints["sched:sched_switch"] = "on_switch"
            defines["KXB_CHILD_BY_SWITCH"] = 1
        return Part(
            ("fork.bpf.c",), _LAYOUT, tracepoints=tracepoints, defines=defines, ring_pages=self._ring_pages
        )

    def make_usdt(self, binary: Path, probes: frozenset[str]) -> Part | None:
        if not probes.issuperset(_PROBES):
            return None
        return Part(
            ("fork_usdt.bpf.c",), _USDT_LAYOUT, binary=binary, usdt=_PROBES, ring_pages=self._ring_pages
        )

    def make_monitor(self, binary: Path) -> Part:
        return monitor_part(
            ("fork_monitor.bpf.c",), _MONITOR_LAYOUT, binary, _MONITOR_PROBES, ring_pages=self._ring_pages
        )
