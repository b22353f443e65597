"""Loading and updating libraries: by USDT, and the system calls that a load makes."""

from collections.abc import Mapping
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
        duration("update", "lib_update_begin to lib_update_end of the same number"),
    ),
    (tally("unmatched", "ends without a beginning"),),
    ("openings", "updates"),
)


class LibraryProbe(BpfProbe):
    """The system calls are those inside a load where a binary in the scope marks its loads by USDT, and
    all of the place's where none does."""

    name = "library"
    summary = "opening, first call and update of libraries (USDT); the system calls of a load"

    def make_main(self) -> Part:
        layout, defines = syscall_layout(_CALLS)
        layout = Layout(layout.histograms, (), (*layout.tables, "kxb_loading"))
        defines = {**defines, "KXB_WINDOW": 1}
        return Part("syscalls.bpf.c", layout, tracepoints=SYSCALLS, defines=defines)

    def make_usdt(self, binary: Path, probes: frozenset[str]) -> Part | None:
        wanted = [name for group in (_OPEN, _UPDATE) if probes.issuperset(group) for name in group]
        if not wanted:
            return None
        self._main_part()  # its table is the window that this part opens and shuts
        return Part("library_usdt.bpf.c", _USDT_LAYOUT, binary=binary, usdt=wanted, ring_pages=RING_PAGES)

    def configuration(self, scope: ProbeScope) -> Mapping[str, int]:
        return {"a": int(len(self._parts(scope)) > 1)}
