"""Names for addresses: from the symbol tables of the ELFs in a family's image."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from targets.kylinx.image import ImageReader
from targets.kylinx.image.elf import Elf
from targets.kylinx.image.reader import Entry
from vocabulary.errors import TargetError

_PLACE = re.compile(
    r"(?P<frame>^ +#\d+ 0x[0-9a-f]+ )?\((?P<path>/[^\s+()]+)\+(?P<offset>0x[0-9a-f]+)\)", re.MULTILINE
)
# endbr64, push %rbp, mov %rsp,%rbp in either encoding: how compilers begin a function with a frame pointer
_FRAME = re.compile(rb"(?:\xf3\x0f\x1e\xfa)?\x55(?:\x48\x89\xe5|\x48\x8b\xec)")
_LONGEST_START = 8
_NAMED = ("STT_FUNC", "STT_NOTYPE", "STT_GNU_IFUNC", "STT_LOOS")


@dataclass(frozen=True, slots=True)
class Mapping:
    """Where a file was mapped; ``offset`` is in the file."""

    start: int
    end: int
    offset: int
    path: str


@dataclass(slots=True)
class _Table:
    """The functions of one ELF; an address belongs to the one before it, within its size if it has one."""

    elf: Elf
    starts: list[int]
    symbols: list[tuple[int, str]]  # end, name

    def name_at(self, offset: int, back: int = 0) -> str:
        """Of what is ``back`` bytes before this offset in the file; empty when there is no name for it."""
        for load in self.elf.loads:
            if load.offset <= offset < load.offset + load.file_bytes:
                return self._name(offset - load.offset + load.vaddr, back)
        return ""

    def keeps_frame_at(self, offset: int, back: int) -> bool:
        """Whether the function there begins as one that keeps a frame pointer, and has set it up."""
        for load in self.elf.loads:
            if load.offset <= offset < load.offset + load.file_bytes:
                vaddr = offset - load.offset + load.vaddr
                at = self._symbol(vaddr - back)
                if at is None:
                    return False
                start = self.starts[at] - load.vaddr + load.offset
                begins = _FRAME.match(self.elf.data[start : start + _LONGEST_START])
                return begins is not None and offset >= start + begins.end()
        return False

    def _symbol(self, vaddr: int) -> int | None:
        at = bisect_right(self.starts, vaddr) - 1
        if at < 0:
            return None
        end, _ = self.symbols[at]
        return None if end > self.starts[at] and vaddr >= end else at

    def _name(self, vaddr: int, back: int) -> str:
        at = self._symbol(vaddr - back)
        return "" if at is None else f"{self.symbols[at][1]}+{vaddr - self.starts[at]:#x}"


def _read_table(data: bytes, where: str) -> _Table | None:
    try:
        elf = Elf(data, where)
    except TargetError:
        return None
    found: dict[int, tuple[int, str]] = {}
    try:
        for section in ELFFile(BytesIO(data)).iter_sections():
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    if symbol["st_value"] and symbol.name and symbol["st_info"]["type"] in _NAMED:
                        entry = (symbol["st_value"] + symbol["st_size"], symbol.name)
                        found[symbol["st_value"]] = max(found.get(symbol["st_value"], (0, "")), entry)
    except Exception:  # a malformed table: no names then
        found.clear()
    starts = sorted(found)
    return _Table(elf, starts, [found[start] for start in starts])


class Symbols:
    """Of one image; each ELF is read when it is first asked for."""

    def __init__(self, image: Path | None) -> None:
        self._image = image
        self._entries: dict[str, Entry] | None = None
        self._tables: dict[str, _Table | None] = {}

    def describe(self, address: int, maps: Sequence[Mapping], *, returned_to: bool = False) -> str:
        """``function+0x12 (/usr/bin/x+0x1234)``; ``returned_to``: it follows the call that is meant."""
        mapping = next((m for m in maps if m.start <= address < m.end), None)
        if mapping is None:
            return "(not mapped)" if maps else ""
        at = address - mapping.start + mapping.offset
        table = self._table(mapping.path)
        name = table.name_at(at, back=1 if returned_to else 0) if table else ""
        return f"{name} ({mapping.path}+{at:#x})" if name else f"({mapping.path or 'anonymous'}+{at:#x})"

    def keeps_frame(self, address: int, maps: Sequence[Mapping], *, returned_to: bool = False) -> bool:
        """Whether the function at ``address`` keeps a frame pointer, so that it leads to who called it."""
        mapping = next((m for m in maps if m.start <= address < m.end), None)
        table = self._table(mapping.path) if mapping else None
        if mapping is None or table is None:
            return False
        return table.keeps_frame_at(address - mapping.start + mapping.offset, 1 if returned_to else 0)

    def annotate(self, text: str) -> str:
        """``text`` with names put before what the monitor writes as ``(/path+0xoffset)``; frames of its
        backtraces but the first are marked as guesses, since it does not say how they were found."""
        return _PLACE.sub(self._named, text)

    def _named(self, place: re.Match[str]) -> str:
        frame, path, offset = place["frame"] or "", place["path"], int(place["offset"], 16)
        later = bool(frame) and not frame.lstrip().startswith("#0 ")
        table = self._table(path)
        name = table.name_at(offset, back=1 if later else 0) if table else ""
        told = f"{name} " if name else ""
        return f"{frame}{'? ' if later else ''}{told}({path}+{place['offset']})"

    def _table(self, path: str) -> _Table | None:
        if path not in self._tables:
            self._tables[path] = None
            data = self._read(path)
            if data:
                self._tables[path] = _read_table(data, path)
        return self._tables[path]

    def _read(self, path: str) -> bytes:
        if self._image is None or not path.startswith("/"):
            return b""
        try:
            if self._entries is None:
                self._entries = {}
                for entry in ImageReader(self._image).entries():
                    if entry.is_file:
                        self._entries[entry.path] = entry
            return self._entries[path].data if path in self._entries else b""
        except TargetError:
            return b""
