"""What a guest prints on its console, read while QEMU writes it to a file, and the lines that mean something.

mk: ...                  the kernel's own words; the first is its banner
mk: panic: WHY           the kernel gave up
mk: fault: WHO AND WHY   a task was ended for what it did
@@MK READY NAME@@        a program serves
@@MK EXIT NAME STATUS@@  a program has done what the command line asked for; 77: it cannot
init: NAME (space N) ended with STATUS   a program is gone, whatever it was; its status in hexadecimal
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from targets.process.text import clean

BANNER = "mk: "
_PANIC, _FAULT = "mk: panic:", "mk: fault:"
_READY = re.compile(r"@@MK READY ([a-z0-9_-]{1,32})@@")
_EXIT = re.compile(r"@@MK EXIT ([a-z0-9_-]{1,32}) (\d{1,10})@@")
_ENDED = re.compile(r"init: ([a-z0-9_-]{1,32}) \(space \d{1,10}\) ended with ([0-9a-f]{1,8})\b.*")
_READ_BYTES = 1 << 20
_LONGEST_LINE = 4096  # of a line that is looked at: samples may come in one of megabytes
_MOST_FAULTS = 16


@dataclass(slots=True)
class GuestLog:
    """``look`` takes in what was printed since the last time."""

    path: Path
    banner: bool = False
    panic: str = ""
    faults: list[str] = field(default_factory=list)
    ready: set[str] = field(default_factory=set)
    status: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    size: int = 0
    _line: bytes = b""

    def look(self) -> None:
        with self.path.open("rb") as file:
            file.seek(self.size)
            while data := file.read(_READ_BYTES):
                self.size += len(data)
                self._take(data)

    def text(self) -> str:
        """All of it. Bytes that are not UTF-8 are replaced."""
        return self.path.read_text(encoding="utf-8", errors="replace")

    def _take(self, data: bytes) -> None:
        *lines, rest = (self._line + data).split(b"\n")
        for line in lines:
            if len(line) <= _LONGEST_LINE:
                self._note(clean(line.rstrip(b"\r")))
        self._line = rest[: _LONGEST_LINE + 1]  # one byte more: it stays too long

    def _note(self, line: str) -> None:
        if line.startswith(_PANIC):
            self.panic = self.panic or line.removeprefix(_PANIC).strip() or "it does not say why"
        elif line.startswith(_FAULT):
            if len(self.faults) < _MOST_FAULTS:
                self.faults.append(line.removeprefix(_FAULT).strip() or "it is not said whose")
        elif found := _READY.fullmatch(line):
            self.ready.add(found[1])
        elif found := _EXIT.fullmatch(line):
            self.status[found[1]] = int(found[2])
        elif found := _ENDED.fullmatch(line):
            self.ended[found[1]] = int(found[2], 16)
        self.banner = self.banner or line.startswith(BANNER)
