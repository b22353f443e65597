"""Namespaces of the calling thread: ``os.setns`` and ``os.unshare`` came only with Python 3.12."""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from vocabulary.errors import HostError

NETNS_DIRECTORY = Path("/run/netns")  # where iproute2 keeps named namespaces, ip-netns(8)
CLONE_NEWNET = 0x40000000  # <sched.h>
CLONE_NEWIPC = 0x08000000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(what: str, result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def setns(descriptor: int, kind: int) -> None:
    """Move the calling thread into a namespace. Raises OSError."""
    _checked("setns", _libc.setns(descriptor, kind))


def unshare(kind: int) -> None:
    """Give the calling thread a namespace of its own. Raises OSError."""
    _checked("unshare", _libc.unshare(kind))


@contextmanager
def entered(netns: str) -> Iterator[None]:
    """The calling thread is in the named network namespace inside the ``with``. Nests.

    It is the *thread* that moves: sockets made, and programs started, by this thread stay there; other
    threads are untouched. Do not switch greenlets or tasks inside. Raises HostError."""
    path = NETNS_DIRECTORY / netns
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            there = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                setns(there, CLONE_NEWNET)
            finally:
                os.close(there)
        except OSError as error:
            raise HostError(
                f"cannot enter the network namespace {netns}: {error.strerror}",
                where=str(path),
                remedy="run as root; `kxbench doctor` says what else is missing",
            ) from error
        try:
            yield
        finally:
            setns(home, CLONE_NEWNET)
    finally:
        os.close(home)


def make_ipc_namespace(limits: Mapping[str, int]) -> int:
    """A new IPC namespace with ``limits`` (paths below /proc/sys) set in it.

    Returns a descriptor, which keeps it alive; the caller closes it. A limit that this kernel does not let
    us set keeps its stock value. Raises OSError."""

    def make() -> int:
        unshare(CLONE_NEWIPC)
        for name, value in limits.items():
            with contextlib.suppress(OSError):
                Path("/proc/sys", name).write_text(str(value))
        return os.open("/proc/thread-self/ns/ipc", os.O_RDONLY | os.O_CLOEXEC)

    return in_a_thread(make)


def can_unshare() -> str:
    """Why a network namespace cannot be made here; empty when one can. Tried, in a thread that ends."""

    def attempt() -> int:
        unshare(CLONE_NEWNET)
        return 0

    try:
        in_a_thread(attempt)
    except OSError as error:
        return str(error.strerror)
    return ""


def in_a_thread(work: Callable[[], int]) -> int:
    """``work()`` in a thread of its own, which then ends: its namespaces do not stick to ours."""
    results: list[int] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:  # raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=run, name="kxb-unshare")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
