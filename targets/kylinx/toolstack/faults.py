"""A program's fatal fault, as the monitor tells it, made readable: signal, registers, named backtrace."""

import signal
from collections.abc import Mapping as Dict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from targets.kylinx.toolstack.symbols import Mapping, Symbols

_ROWS = (
    ("rip", "rsp", "rflags"),
    ("rax", "rbx", "rcx", "rdx"),
    ("rsi", "rdi", "rbp", "r8"),
    ("r9", "r10", "r11", "r12"),
    ("r13", "r14", "r15"),
)
_MOST_FRAMES = 64
_DEEPEST_BYTES = 64 << 20  # of a frame pointer above the stack pointer, for the LibOS to follow it


def _number(value: object) -> int:
    try:
        return int(str(value), 0)
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True)
class Fault:
    """A program of a family died of a signal that would dump core."""

    command: str
    pid: int
    signal: int
    code: int
    address: int
    registers: Dict[str, int] = field(default_factory=dict)
    backtrace: tuple[int, ...] = ()
    maps: tuple[Mapping, ...] = ()

    @classmethod
    def of(cls, event: Dict[str, Any]) -> "Fault":
        """From the monitor's event; what is missing or malformed counts as 0."""
        maps = [
            Mapping(_number(row[0]), _number(row[1]), _number(row[2]), str(row[3]))
            for row in event.get("maps") or []
            if isinstance(row, list) and len(row) == 4
        ]
        registers = event.get("registers") or {}
        return cls(
            str(event.get("comm", "?")),
            _number(event.get("pid", 0)),
            _number(event.get("signal", 0)),
            _number(event.get("code", 0)),
            _number(event.get("address", 0)),
            {str(name): _number(value) for name, value in registers.items()},
            tuple(map(_number, (event.get("backtrace") or [])[:_MOST_FRAMES])),
            tuple(maps),
        )

    def text(self, symbols: Symbols) -> str:
        """Several lines for a person."""
        lines = [
            f"fault: {self.command} (pid {self.pid}) died of {_signal_name(self.signal)},"
            f" code {self.code}, address {self.address:#x}"
        ]
        for row in _ROWS:
            known = [f"{name:>6} {self.registers[name]:016x}" for name in row if name in self.registers]
            if known:
                lines.append("  " + " ".join(known))
        frames = list(self.backtrace)
        if self.registers.get("rip") is not None and frames[:1] != [self.registers["rip"]]:
            frames.insert(0, self.registers["rip"])
        sure = self._frames_known(frames, symbols)
        if frames:
            lines.append(
                f"  backtrace{' (?: a guess, found by searching the stack)' * (sure < len(frames))}:"
            )
        for number, address in enumerate(frames):
            told = symbols.describe(address, self.maps, returned_to=number > 0)
            lines.append(f"   #{number:<2} {address:#014x} {'' if number < sure else '? '}{told}".rstrip())
        return "\n".join(lines)

    def _frames_known(self, frames: Sequence[int], symbols: Symbols) -> int:
        """How many frames, from the first, are certain. The LibOS follows frame pointers where they lead
        somewhere, else it takes what looks like a return address on the stack, and does not say which: so a
        frame counts as known if every function below it keeps a frame pointer."""
        rbp, rsp = self.registers.get("rbp", 0), self.registers.get("rsp", 0)
        if rbp % 8 or not rsp <= rbp < rsp + _DEEPEST_BYTES:
            return 1
        for number, address in enumerate(frames):
            if not symbols.keeps_frame(address, self.maps, returned_to=number > 0):
                return number + 1
        return len(frames)


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"
