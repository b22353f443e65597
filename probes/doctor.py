"""What this machine can do for the probes, by attaching: some kernels say yes in flags and then cannot."""

import ctypes
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from probes import headers
from probes.part import Layout, duration, tally
from probes.program import Program, load_bcc
from vocabulary import KxbenchError, UnsupportedError

_LAYOUT = Layout(
    (duration("ring", "an event sent through the ring buffer"),),
    (tally("tracepoint", "hits"), tally("uprobe", "hits"), tally("kprobe", "hits")),
)
_TRACEPOINT, _UPROBE, _KPROBE = range(3)
_FUNCTION = "ffs"  # of libc: a pure function, and hardly a hot path of anybody's
_KERNEL_FUNCTION = "do_nanosleep"
# perf_event_open(2) has no wrapper in libc
_PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241, "riscv64": 241, "ppc64le": 319, "s390x": 331}
_PERF_ATTR_BYTES = 112
_HARDWARE, _INSTRUCTIONS = 0, 1
_EXCLUDE_KERNEL_AND_HV = 1 << 5 | 1 << 6


@dataclass(frozen=True, slots=True)
class Check:
    """``detail`` tells what was seen; ``remedy`` what to do where it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def check_probes(usdt_binary: Path | None = None) -> list[Check]:
    """Every check, in some 0.8 s. ``usdt_binary`` is a program with USDT probes (default: a library that
    has some on most distributions). Leaves nothing attached."""
    try:
        bcc = load_bcc()
        found = headers.resolve()
        program = Program(("doctor.bpf.c",), defines=_LAYOUT.defines() | {"KXB_RING_PAGES": 1})
    except KxbenchError as error:
        rest = ("tracepoints", "ring buffer", "uprobes", "usdt", "kprobes")
        unknown = [Check(name, False, "cannot be tried without bcc", "see bcc") for name in rest]
        return [Check("bcc", False, str(error), error.remedy), *unknown, check_perf_counters()]
    usdt = [usdt_binary] if usdt_binary else _mapped("/libstdc++.so", "/libc.so")
    try:
        return [
            Check("bcc", True, f"bcc {bcc.__version__} with {found.description}"),
            _check_tracepoint(program),
            _check_ring_buffer(program),
            _tried("uprobes", lambda: _fire_uprobe(program), "a kernel with CONFIG_UPROBE_EVENTS"),
            _tried("usdt", lambda: _attach_usdt(program, usdt), "build the micro programs: ./kxbench setup"),
            _tried("kprobes", lambda: _fire_kprobe(program), "none needed: no probe of kxbench uses them"),
            check_perf_counters(),
        ]
    finally:
        program.close()


def _tried(name: str, attempt: Callable[[], str], remedy: str) -> Check:
    try:
        return Check(name, True, attempt())
    except (KxbenchError, OSError) as error:
        return Check(name, False, str(error), remedy)


@contextmanager
def _counting(program: Program, counter: int, what: str) -> Iterator[None]:
    """Raises UnsupportedError if what is done inside does not fire the probe; detaches in any case."""
    program.clear()
    try:
        yield
        if not program.counter(counter):
            raise UnsupportedError(f"{what} attaches but does not fire")
    finally:
        program.detach()


def _check_tracepoint(program: Program) -> Check:
    def fire() -> str:
        with _counting(program, _TRACEPOINT, "syscalls:sys_enter_getpgid"):
            program.attach_tracepoint("syscalls:sys_enter_getpgid", "on_tracepoint")
            os.getpgid(0)
        return f"fired; events under {headers.ensure_tracefs()}"

    return _tried("tracepoints", fire, "a kernel with CONFIG_FTRACE_SYSCALLS and CONFIG_BPF_EVENTS, as root")


def _check_ring_buffer(program: Program) -> Check:
    def fire() -> str:
        seen: list[int] = []
        program.open_events(lambda _, size: seen.append(size))
        with _counting(program, _TRACEPOINT, "syscalls:sys_enter_getpgid"):
            program.attach_tracepoint("syscalls:sys_enter_getpgid", "on_tracepoint")
            os.getpgid(0)
        program.consume()
        if not program.has_ring_buffer:
            raise UnsupportedError("none; a perf buffer stands in for it")
        if not seen:
            raise UnsupportedError("an event was sent and did not arrive")
        return f"an event of {seen[0]} bytes arrived"

    return _tried("ring buffer", fire, "none needed: a perf buffer does; Linux 5.8 has ring buffers")


def _mapped(*names: str) -> list[Path]:
    """The files of these names that this process has mapped, in the order of the names."""
    paths = {line.rpartition(" ")[2] for line in Path("/proc/self/maps").read_text().splitlines()}
    return [Path(path) for name in names for path in sorted(paths) if name in path]


def _libc() -> Path:
    found = _mapped("/libc.so", "/libc-2", "/ld-musl")
    if not found:
        raise UnsupportedError("this process has no libc mapped")
    return found[0]


def _fire_uprobe(program: Program) -> str:
    libc = _libc()
    with _counting(program, _UPROBE, f"a uprobe on {_FUNCTION}"):
        program.attach_uprobe(libc, _FUNCTION, "on_uprobe")
        ctypes.CDLL(str(libc))[_FUNCTION](1)
    return f"fired on {_FUNCTION} of {libc.name}"


def _attach_usdt(program: Program, binaries: Sequence[Path]) -> str:
    bcc = load_bcc()
    for binary in binaries:
        try:
            context = bcc.USDT(path=str(binary))  # to be kept: what it gives points into it
        except bcc.USDTException as error:
            raise UnsupportedError(str(error)) from None
        for probe in context.enumerate_probes():
            address = probe.get_location(0).address
            try:
                program.attach_uprobe_at(binary, address, "on_uprobe")
            finally:
                program.detach()
            return f"attached to {probe.short_name()} of {binary.name}"
    raise UnsupportedError(f"no USDT probes to try in {', '.join(map(str, binaries)) or 'any binary'}")


def _fire_kprobe(program: Program) -> str:
    with _counting(program, _KPROBE, f"a kprobe on {_KERNEL_FUNCTION}"):
        program.attach_kprobe(_KERNEL_FUNCTION, "on_kprobe")
        ctypes.CDLL(None).usleep(1)
    return f"fired on {_KERNEL_FUNCTION}"


def check_perf_counters() -> Check:
    """Counts this thread's own instructions for a moment."""
    remedy = (
        "none needed; virtual machines mostly have no such counters, or: sysctl kernel.perf_event_paranoid=1"
    )
    return _tried("perf counters", _count_instructions, remedy)


def _count_instructions() -> str:
    number = _PERF_EVENT_OPEN.get(platform.machine())
    if number is None:
        raise UnsupportedError(f"not known how to ask for them on {platform.machine()}")
    attribute = (ctypes.c_uint64 * (_PERF_ATTR_BYTES // 8))()
    attribute[0] = _HARDWARE | _PERF_ATTR_BYTES << 32  # struct perf_event_attr: type, size
    attribute[1] = _INSTRUCTIONS
    attribute[5] = _EXCLUDE_KERNEL_AND_HV
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(number, ctypes.byref(attribute), 0, -1, -1, 0)
    if descriptor < 0:
        raise UnsupportedError(f"perf_event_open: {os.strerror(ctypes.get_errno())}")
    try:
        instructions = int.from_bytes(os.read(descriptor, 8), "little")
    finally:
        os.close(descriptor)
    if not instructions:
        raise UnsupportedError("the counter of instructions stays 0")
    return f"{instructions} instructions counted"
