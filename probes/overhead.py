"""What one hit of an attached program costs on this machine: ``python -m probes.overhead``.

What a whole probe costs a whole case is measured by the engine, with the probe off and on."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from probes.part import Layout, duration
from probes.program import Program
from vocabulary import HostError

_FOLDER = Path(__file__).parent
_HITS = _FOLDER / "build" / "hits"
_LAYOUT = Layout((duration("value", "anything"),))
_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class HitCost:
    """``cost_ns`` is the median over rounds of a loop's time a turn with the program less that without."""

    name: str
    cost_ns: float


def _build() -> None:
    done = subprocess.run(["make", "-s", "-C", str(_FOLDER)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise HostError(
            f"cannot build: {done.stderr.strip()}",
            where="probes/hits.c",
            remedy="apt-get install gcc make systemtap-sdt-dev",
        )


def _loop(kind: str) -> float:
    done = subprocess.run([_HITS, kind], capture_output=True, text=True, check=True, timeout=_TIMEOUT_S)
    return float(done.stdout)


def measure(rounds: int = 5) -> list[HitCost]:
    """Each way of attaching, off and on in turns, some 0.2 s a round and way. Raises HostError,
    UnsupportedError."""
    _build()
    plain = Program(("hits.bpf.c",), defines=_LAYOUT.defines())
    usdt = Program(("hits.bpf.c",), defines=_LAYOUT.defines(), binary=_HITS, usdt=("hit",))
    busy = Program(
        ("hits.bpf.c",), defines=_LAYOUT.defines() | {"HIT_AT_MONITOR": 1}, binary=_HITS, usdt=("hit",)
    )

    def at(tracepoint: str, function: str) -> Callable[[], None]:
        return lambda: plain.attach_tracepoint(tracepoint, function)

    ways: list[tuple[str, str, Program, Callable[[], None]]] = [
        ("another call's syscalls tracepoint", "syscall", plain, at("syscalls:sys_enter_kill", "hit_empty")),
        ("syscalls tracepoint, empty", "syscall", plain, at("syscalls:sys_enter_getppid", "hit_empty")),
        ("raw_syscalls tracepoint, empty", "syscall", plain, at("raw_syscalls:sys_enter", "hit_empty")),
        ("raw_syscalls, filtered away", "syscall", plain, at("raw_syscalls:sys_enter", "hit_filtered")),
        ("raw_syscalls, histogram noted", "syscall", plain, at("raw_syscalls:sys_enter", "hit_noted")),
        ("uprobe on a USDT nop, empty", "usdt", usdt, usdt.attach_usdt),
        ("the same, as at the monitor of pVMs", "usdt", busy, busy.attach_usdt),
    ]
    try:
        return [HitCost(name, _cost(kind, program, attach, rounds)) for name, kind, program, attach in ways]
    finally:
        plain.close()
        usdt.close()
        busy.close()


def _cost(kind: str, program: Program, attach: Callable[[], None], rounds: int) -> float:
    costs = []
    for _ in range(rounds):
        without = _loop(kind)
        try:
            attach()
            costs.append(_loop(kind) - without)
        finally:
            program.detach()
    return median(costs)


def main() -> None:
    for cost in measure():
        sys.stdout.write(f"{cost.name:40} {cost.cost_ns:8.0f} ns\n")


if __name__ == "__main__":
    main()
