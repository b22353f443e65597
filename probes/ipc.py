"""Inter-process communication: one-way times by USDT, and the system calls it is made of."""

from pathlib import Path

from probes.base import BpfProbe
from probes.monitor import hypercall_tallies, monitor_part
from probes.part import Layout, Part, duration, tally

_CALLS = ("read", "write", "msgsnd", "msgrcv", "mq_timedsend", "mq_timedreceive", "kill")
_PROBES = ("ipc_send", "ipc_recv")
_USDT_LAYOUT = Layout(
    (duration("one_way", "ipc_send to ipc_recv of the same number"),),
    (tally("unmatched", "messages received but not seen sent", name="unmatched"),),
    ("sent",),
)
_MONITOR_LAYOUT = Layout(
    (duration("event_wake", "event channel: NOTIFY of another pVM to the end of the sleeping one's WAIT"),),
    (
        tally(
            "unnotified",
            "waits that ended otherwise: events had come before, or a timer",
            name="unnotified_wakes",
        ),
        tally(
            "late",
            "notifications of a pVM that was awake by then, or had one already",
            name="late_notifications",
        ),
        *hypercall_tallies(),
    ),
    ("waiting",),
)
_MONITOR_PROBES = ("hypercall", "ipc_notify", "ipc_wake")
SYSCALLS = {"raw_syscalls:sys_enter": "on_enter", "raw_syscalls:sys_exit": "on_exit"}


def syscall_layout(calls: tuple[str, ...]) -> tuple[Layout, dict[str, int]]:
    """What syscalls.bpf.c keeps for these calls, and the defines that tell it so."""
    times = [duration(call, "entered to returned", name="syscall_time", call=call) for call in calls]
    bytes_ = [
        tally(f"bytes_{call}", "moved by it", name="syscall_bytes", unit="bytes", call=call) for call in calls
    ]
    return Layout(times, bytes_, ("tasks",)), {f"CALL_{call}": i for i, call in enumerate(calls)}


class IpcProbe(BpfProbe):
    name = "ipc"
    summary = "one-way time of messages (USDT); time, count and bytes of the system calls that carry them"
    of_programs = True

    def make_main(self) -> Part:
        layout, defines = syscall_layout(_CALLS)
        return Part(("syscalls.bpf.c",), layout, tracepoints=SYSCALLS, defines={**defines, "COUNT_bytes": 0})

    def make_usdt(self, binary: Path, probes: frozenset[str]) -> Part | None:
        if not probes.issuperset(_PROBES):
            return None
        return Part(("ipc_usdt.bpf.c",), _USDT_LAYOUT, binary=binary, usdt=_PROBES)

    def make_monitor(self, binary: Path) -> Part:
        return monitor_part(("ipc_monitor.bpf.c",), _MONITOR_LAYOUT, binary, _MONITOR_PROBES)
