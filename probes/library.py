"""Loading and updating libraries: by USDT, and the system calls that a load makes."""

from collections.abc import Sequence
from pathlib import Path

from probes.base import BpfProbe
from probes.ipc import SYSCALLS, syscall_layout
from probes.part import RING_PAGES, Layout, Part, duration, tally
from vocabulary import ProbeScope

_CALLS = ("openat", "mmap", "mprotect", "munmap")
_OPEN = ("lib_open_begin", "lib_open_end", "lib_call_end")
_UPDATE = ("lib_update_begin", "lib_update_end")
_USDT_LAYOUT = Layout(
    (
        duration("any_open", "lib_open_begin to lib_open_end, be it a first or a later opening"),
        duration("any_first_call", "lib_open_end to lib_call_end, be it a first or a later opening"),
        duration("any_total", "lib_open_begin to lib_call_end, be it a first or a later opening"),
        duration("update", "lib_update_begin to lib_update_end of the same number", name="total"),
    ),
    (tally("unmatched", "ends without a beginning"),),
    ("openings", "updates"),
)


class LibraryProbe(BpfProbe):
    """The system calls are those inside a load where a binary in the scope marks its loads by USDT, and
    all of the place's where none does."""

    name = "library"
    summary = "opening, first call and update of libraries (USDT); the system calls of a load"
    of_programs = True

    def make_main(self) -> Part:
        layout, defines = syscall_layout(_CALLS)
        layout = Layout(layout.histograms, (), layout.tables)
        return Part(("syscalls.bpf.c",), layout, tracepoints=SYSCALLS, defines=defines)

    def make_usdt(self, binary: Path, probes: frozenset[str]) -> Part | None:
        wanted = [name for group in (_OPEN, _UPDATE) if probes.issuperset(group) for name in group]
        if not wanted:
            return None
        calls, defines = syscall_layout(_CALLS)
        layout = Layout(
            # the calls first: their slots are their histograms' numbers
            (*calls.histograms, *_USDT_LAYOUT.histograms),
            _USDT_LAYOUT.counters,
            (*calls.tables, *_USDT_LAYOUT.tables, "loading"),
        )
        return Part(
            ("syscalls.bpf.c", "library_usdt.bpf.c"),
            layout,
            tracepoints=SYSCALLS if "lib_open_begin" in wanted else {},
            defines={**defines, "KXB_WINDOW": 1},
            binary=binary,
            usdt=wanted,
            ring_pages=RING_PAGES,
        )

    def parts(self, scope: ProbeScope) -> Sequence[Part]:
        return self.usdt_parts(scope) or super().parts(scope)
