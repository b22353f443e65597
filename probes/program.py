"""A compiled eBPF program: attached by hand, read, cleared, detached; compiled once.

bcc is imported here only, on first use: it takes 0.1 s and may be missing."""

import atexit
import ctypes
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes import headers
from vocabulary import Histogram, UnsupportedError
from vocabulary.histogram import BINS

_FOLDER = Path(__file__).parent
OURS = "kxbench"
"""The provider of the USDT probes in our own programs."""

_INCLUDES = (_FOLDER.parent / "vocabulary",)
_COMPILING = Lock()  # bcc changes the working directory and the environment, both the whole process's


@cache
def load_bcc() -> ModuleType:
    """The module bcc. Raises UnsupportedError."""
    headers.ensure_tracefs()  # before the import, which looks once where tracefs is
    try:
        import bcc
    except ImportError as error:
        raise UnsupportedError(
            f"bcc cannot be imported: {error}",
            remedy="apt-get install python3-bpfcc (not PyPI's bcc, an unrelated thing)",
        ) from None
    if not hasattr(bcc, "BPF"):
        raise UnsupportedError(
            "the module bcc is not the BPF Compiler Collection",
            where=str(bcc.__file__),
            remedy="pip uninstall bcc; apt-get install python3-bpfcc",
        )
    return bcc  # type: ignore[no-any-return]


@contextmanager
def _said() -> Iterator[list[str]]:
    """What clang and libbpf say on standard error meanwhile: they write to the descriptor."""
    said: list[str] = []
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said += file.read().decode(errors="replace").splitlines()


def _why(said: Iterable[str]) -> str:
    """The line that tells most of what a compiler or verifier said."""
    lines = [line.strip() for line in said if line.strip() and "modprobe" not in line]
    telling = [line for line in lines if "error:" in line or "Failed" in line or "failed" in line]
    return (telling or lines or [""])[0]


def usdt_of(binary: Path, provider: str = OURS) -> frozenset[str]:
    """The names of a provider's probes in a program. Raises UnsupportedError."""
    bcc = load_bcc()
    try:
        found = bcc.USDT(path=str(binary)).enumerate_probes()
    except bcc.USDTException as error:
        raise UnsupportedError(str(error), where=str(binary), remedy="rebuild it: ./kxbench setup") from None
    return frozenset(probe.name.decode() for probe in found if probe.provider == provider.encode())


def tracepoint_exists(tracepoint: str) -> bool:
    """``category:name``."""
    return (headers.ensure_tracefs() / "events" / tracepoint.replace(":", "/")).is_dir()


class Program:
    """``sources`` are files of this folder (or any paths), compiled as one after the shared front;
    ``defines`` go to the compiler as -DNAME=value. ``usdt`` are probes of ``binary`` by ``provider``, each
    with a function of its name.

    Raises UnsupportedError where bcc is missing, does not compile or the kernel does not take it."""

    def __init__(
        self,
        sources: Sequence[str | Path],
        *,
        defines: Mapping[str, int] | None = None,
        binary: Path | None = None,
        provider: str = OURS,
        usdt: Iterable[str] = (),
    ) -> None:
        bcc = load_bcc()
        self._sources = [_FOLDER / "include/kxbench.bpf.h", *(_FOLDER / source for source in sources)]
        self._tracepoints: list[str] = []
        self._usdt: Any = None
        contexts = []
        if binary:
            self._usdt = bcc.USDT(path=str(binary))
            for name in usdt:
                self._usdt.enable_probe(f"{provider}:{name}", name)
            contexts = [self._usdt]
        self._bpf: Any = self._compile_events(bcc, dict(defines or {}), contexts)
        self._cpus = len(bcc.utils.get_possible_cpus())
        for event in list(self._bpf.uprobe_fds):  # the constructor has attached them
            self._bpf.detach_uprobe_event(event)

    def _compile_events(self, bcc: ModuleType, defines: dict[str, int], contexts: list[Any]) -> Any:
        """With a ring buffer for events, or a perf buffer where the kernel (before 5.8) has none."""
        self.has_ring_buffer = "KXB_PERF_BUFFER" not in defines
        try:
            return self._compile(bcc, defines, contexts)
        except UnsupportedError:
            if "KXB_RING_PAGES" not in defines or not self.has_ring_buffer:
                raise
            with suppress(UnsupportedError):  # if it was not that, the first error tells more
                compiled = self._compile(bcc, defines | {"KXB_PERF_BUFFER": 1}, contexts)
                self.has_ring_buffer = False
                return compiled
            raise

    def _compile(self, bcc: ModuleType, defines: dict[str, int], contexts: list[Any]) -> Any:
        found = headers.resolve()
        cflags = [f"-D{name}={value}" for name, value in defines.items()]
        cflags += [f"-I{folder}" for folder in _INCLUDES] + list(found.cflags)
        text = b"\n".join(source.read_bytes() for source in self._sources)  # bcc warns of str
        with _COMPILING, _said() as said:
            before = os.environ.get("BCC_KERNEL_SOURCE")
            if found.source:
                os.environ["BCC_KERNEL_SOURCE"] = str(found.source)
            try:
                bpf, error = bcc.BPF(text=text, cflags=cflags, usdt_contexts=contexts), None
            except Exception as problem:  # bcc raises no narrower class
                bpf, error = None, problem
            finally:
                if found.source and before is None:
                    del os.environ["BCC_KERNEL_SOURCE"]
        if error:
            raise UnsupportedError(
                f"bcc could not compile it with {found.description}: {_why(said) or error}",
                where=self._sources[-1].name,
                remedy="install the running kernel's headers, or look at './kxbench doctor'",
            )
        return bpf

    def _try(self, what: str, action: Any, *args: Any, **named: Any) -> Any:
        with _said() as said:
            try:
                return action(*args, **named)
            except Exception as problem:  # bcc raises no narrower class
                error = problem
        why = _why(said)
        raise UnsupportedError(
            f"{what}: {error} ({why})" if why else f"{what}: {error}",
            where=self._sources[-1].name,
            remedy="run as root; a kernel needs CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS, CONFIG_UPROBE_EVENTS",
        )

    def attach_tracepoint(self, tracepoint: str, function: str) -> None:
        """``tracepoint`` is ``category:name``; one function may be attached to several."""
        self._try(
            f"tracepoint {tracepoint}",
            self._bpf.attach_tracepoint,
            tp=tracepoint.encode(),
            fn_name=function.encode(),
        )
        self._tracepoints.append(tracepoint)

    def attach_usdt(self) -> None:
        """To the probes asked for of the binary, in every process that runs it."""
        for path, function, address, _ in self._usdt.enumerate_active_probes():
            name = f"{path.decode()}:{function.decode()}"
            self._try(name, self._bpf.attach_uprobe, name=path, fn_name=function, addr=address, pid=-1)

    def attach_uprobe(self, binary: Path, symbol: str, function: str) -> None:
        self._try(
            f"{binary}:{symbol}",
            self._bpf.attach_uprobe,
            name=os.fsencode(binary),
            sym=symbol.encode(),
            fn_name=function.encode(),
        )

    def attach_uprobe_at(self, binary: Path, address: int, function: str) -> None:
        name, names = f"{binary}:{address:#x}", {"name": os.fsencode(binary), "fn_name": function.encode()}
        self._try(name, self._bpf.attach_uprobe, addr=address, pid=-1, **names)

    def attach_kprobe(self, symbol: str, function: str) -> None:
        names = {"event": symbol.encode(), "fn_name": function.encode()}
        self._try(f"kprobe {symbol}", self._bpf.attach_kprobe, **names)

    def attach_perf_event(self, kind: int, config: int, function: str) -> None:
        """Each ``sample_period=1`` occurrence on every CPU (perf_event_open(2): type and config)."""
        self._try(
            f"perf event {kind}:{config}",
            self._bpf.attach_perf_event,
            ev_type=kind,
            ev_config=config,
            fn_name=function.encode(),
            sample_period=1,
        )

    def load(self, function: str, kind: str) -> int:
        """Load a function as a program of bcc's type name (SCHED_CLS, SOCKET_FILTER) and return its
        descriptor, which stays this object's."""
        loaded = self._try(function, self._bpf.load_func, function.encode(), getattr(load_bcc().BPF, kind))
        return int(loaded.fd)

    def detach(self) -> None:
        """Idempotent. Some 70 ms a tracepoint and 100 ms a uprobe: the kernel waits for a grace period."""
        while self._tracepoints:
            self._bpf.detach_tracepoint(self._tracepoints.pop().encode())
        for event in list(self._bpf.uprobe_fds):
            self._bpf.detach_uprobe_event(event)
        for event in list(self._bpf.kprobe_fds):
            self._bpf.detach_kprobe_event(event)
        for kind, config in list(self._bpf.open_perf_events):
            self._bpf.detach_perf_event(kind, config)

    def configure(self, slot: int, value: int) -> None:
        table = self._bpf[b"config"]
        table[ctypes.c_int(slot)] = ctypes.c_uint64(value)

    def table(self, name: str) -> Any:
        """bcc's table of that name."""
        return self._bpf[name.encode()]

    def clear(self, tables: Iterable[str] = ()) -> None:
        """Zero the histograms and counters and empty these hash tables."""
        for name in ("hists", "counts"):
            table = self.table(name)
            size = ctypes.sizeof(table.sLeaf) * self._cpus
            zeros = (ctypes.c_uint8 * size)()
            for index in range(table.max_entries):
                self._update(table.map_fd, index, zeros)
        for name in tables:
            self.empty(name)

    def empty(self, name: str) -> None:
        table = self.table(name)
        for key in list(table.keys()):
            try:
                del table[key]
            except KeyError:
                continue  # its program has just done so

    def insert(self, name: str, key: int) -> None:
        """A zeroed entry for a u32 key, unless there is one."""
        table = self.table(name)
        fresh, no_exist = table.Leaf(), 1
        load_bcc().lib.bpf_update_elem(
            table.map_fd, ctypes.byref(ctypes.c_uint32(key)), ctypes.byref(fresh), no_exist
        )

    def _update(self, descriptor: int, index: int, value: Any) -> None:
        bcc = load_bcc()
        key = ctypes.c_int(index)
        if bcc.lib.bpf_update_elem(descriptor, ctypes.byref(key), ctypes.byref(value), 0) < 0:
            raise OSError(ctypes.get_errno(), "cannot clear a map")

    def _per_cpu(self, name: str, index: int, width: int) -> NDArray[np.uint64]:
        """One entry of a per-cpu array of u64s, summed over the CPUs; shape (width,)."""
        values = np.zeros((self._cpus, width), np.uint64)
        key = ctypes.c_int(index)
        pointer = values.ctypes.data_as(ctypes.c_void_p)
        if load_bcc().lib.bpf_lookup_elem(self.table(name).map_fd, ctypes.byref(key), pointer) < 0:
            raise OSError(ctypes.get_errno(), f"cannot read {name}[{index}]")
        total: NDArray[np.uint64] = values.sum(axis=0, dtype=np.uint64)
        return total

    def histogram(self, index: int) -> Histogram:
        return Histogram(self._per_cpu("hists", index, BINS))

    def counter(self, index: int) -> int:
        return int(self._per_cpu("counts", index, 1)[0])

    def array(self, name: str) -> list[int]:
        """The u64s of an array."""
        return [int(value.value) for value in self.table(name).values()]

    def clear_array(self, name: str) -> None:
        table = self.table(name)
        for index in range(table.max_entries):
            table[ctypes.c_int(index)] = ctypes.c_uint64(0)

    def open_events(self, callback: Any) -> None:
        """``callback(data, size)`` for each event that the programs emit; call consume() to get them."""
        table = self._bpf[b"events"]
        if self.has_ring_buffer:
            table.open_ring_buffer(lambda _, data, size: callback(data, size))
            self._consume = self._bpf.ring_buffer_consume
        else:
            table.open_perf_buffer(lambda _, data, size: callback(data, size), page_cnt=64)
            self._consume = self._bpf.perf_buffer_consume

    def consume(self) -> None:
        self._consume()

    def close(self) -> None:
        """Unload everything. Idempotent."""
        self.detach()
        self._bpf.cleanup()
        atexit.unregister(self._bpf.cleanup)
