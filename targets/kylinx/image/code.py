"""Which bytes of an ELF are code, and which addresses jumps may lead to.

Functions come from the unwind tables (.eh_frame by its binary search table: DWARF 5, 6.4; LSB Core, 10.6)
and from symbols. Jump targets are over-estimated: bytes that look like a jump count as one until its place
is disassembled, words that look like a pointer or a table always. That can only leave a site unpatched."""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from numpy.typing import NDArray

from targets.kylinx.image.elf import DT_RELA, DT_RELASZ, ET_EXEC, PF_X, PT_GNU_EH_FRAME, Elf, Segment

_MOST_FUNCTIONS = 1 << 21
_MOST_TABLE = 4096  # entries of a switch
NO_CODE = -1
Addresses = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ranges:
    """Functions as sorted, non-overlapping [start, end)."""

    starts: list[int]
    ends: list[int]

    def around(self, address: int) -> tuple[int, int] | None:
        """The function that has this address."""
        at = bisect_right(self.starts, address) - 1
        return (self.starts[at], self.ends[at]) if at >= 0 and address < self.ends[at] else None

    def overlapping(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Those that have an address in [low, high)."""
        at = max(0, bisect_right(self.starts, low) - 1)
        while at < len(self.starts) and self.starts[at] < high:
            if self.ends[at] > low:
                yield self.starts[at], self.ends[at]
            at += 1


def functions(elf: Elf, text: Segment) -> Ranges:
    """The functions in the executable segment. Unwind entries come first; a symbol counts where none is."""
    low, high = text.vaddr, text.vaddr + text.file_bytes
    unwound = sorted({(a, b) for a, b in _unwind_ranges(elf) if low <= a < b <= high})
    starts: list[int] = []
    ends: list[int] = []
    for start, end in unwound:
        if not ends or start >= ends[-1]:
            starts.append(start)
            ends.append(end)
    known = Ranges(starts, ends)
    more: list[tuple[int, int]] = []
    for start, end in sorted({(a, b) for a, b in _symbol_ranges(elf) if low <= a < b <= high}):
        taken = next(known.overlapping(start, end), None)
        if taken is None and (not more or start >= more[-1][1]):
            more.append((start, end))
    both = sorted([*zip(starts, ends, strict=True), *more])
    return Ranges([start for start, _ in both], [end for _, end in both])


def _symbol_ranges(elf: Elf) -> Iterator[tuple[int, int]]:
    """Of function symbols with a size; none when the section headers are missing or make no sense."""
    try:
        for section in ELFFile(BytesIO(elf.data)).iter_sections():
            if isinstance(section, SymbolTableSection):
                for symbol in section.iter_symbols():
                    if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_size"]:
                        yield symbol["st_value"], symbol["st_value"] + symbol["st_size"]
    except Exception:  # whatever a malformed table makes pyelftools raise: there are no symbols then
        return


def _unwind_ranges(elf: Elf) -> Iterator[tuple[int, int]]:
    segment = next((s for s in elf.segments if s.kind == PT_GNU_EH_FRAME), None)
    if segment is None or segment.file_bytes < 12:
        return
    data = elf.data[segment.offset : segment.offset + segment.file_bytes]
    if data[0] != 1 or data[2:4] != b"\x03\x3b" or data[1] & 0x0F not in (0x03, 0x0B):
        return  # version, encodings: count udata4, table datarel sdata4; all that linkers make
    (count,) = struct.unpack_from("<I", data, 8)
    count = min(count, (len(data) - 12) // 8, _MOST_FUNCTIONS)
    widths: dict[int, int] = {}
    for at in range(12, 12 + 8 * count, 8):
        start, entry = struct.unpack_from("<ii", data, at)
        length = _unwound_bytes(elf, segment.vaddr + entry, widths)
        if length:
            yield segment.vaddr + start, segment.vaddr + start + length


def _unwound_bytes(elf: Elf, entry: int, widths: dict[int, int]) -> int:
    """How many bytes of code a frame description entry covers; 0 when it cannot be told."""
    head = elf.read(entry, 24)
    if len(head) < 24 or head[:4] == b"\xff\xff\xff\xff":
        return 0
    (back,) = struct.unpack_from("<I", head, 4)
    common = entry + 4 - back
    if common not in widths:
        widths[common] = _pointer_width(elf.read(common, 64))
    width = widths[common]
    return int.from_bytes(head[8 + width : 8 + 2 * width], "little") if width else 0


def _pointer_width(common: bytes) -> int:
    """Bytes of an address in the entries of this common information entry; 0 when unknown."""
    text, nul, rest = common[9:].partition(b"\0")
    if len(common) < 16 or not nul or common[8] not in (1, 3):
        return 0
    at = _skip_leb(rest, _skip_leb(rest, 0))  # code and data alignment
    at = at + 1 if common[8] == 1 else _skip_leb(rest, at)  # return-address register
    if not text.startswith(b"z"):
        return 8
    at = _skip_leb(rest, at)
    for letter in text[1:]:
        if at >= len(rest):
            return 0
        if letter == ord("R"):
            return {0x00: 8, 0x03: 4, 0x0B: 4, 0x04: 8, 0x0C: 8}.get(rest[at] & 0x0F, 0)
        if letter == ord("P"):
            at += 1 + {0x00: 8, 0x03: 4, 0x0B: 4, 0x04: 8, 0x0C: 8}.get(rest[at] & 0x0F, 8)
        elif letter == ord("L"):
            at += 1
    return 8


def _skip_leb(data: bytes, at: int) -> int:
    while at < len(data) and data[at] & 0x80:
        at += 1
    return at + 1


@dataclass(frozen=True, slots=True)
class Targets:
    """Sorted by target. ``sources``: the address in the code whose bytes look like a jump, or `NO_CODE`."""

    targets: Addresses
    sources: Addresses

    def inside(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """(target, source) of those in [low, high)."""
        at = int(self.targets.searchsorted(low))
        while at < len(self.targets) and int(self.targets[at]) < high:
            yield int(self.targets[at]), int(self.sources[at])
            at += 1


def far_targets(elf: Elf, text: Segment, ranges: Ranges) -> Targets:
    """Where in the text a call, a jump of 32 bits, a switch, a pointer, a relocation may lead to."""
    low, high = text.vaddr, text.vaddr + text.file_bytes
    code = np.frombuffer(elf.data, np.uint8, text.file_bytes, text.offset)
    data = [np.array([elf.entry, *ranges.starts], np.int64), _pointers(elf), _relocations(elf)]
    found: list[tuple[Addresses, Addresses]] = []
    words = _every_int32(code)
    count = len(words)  # words[i] is at code[i:i+4]
    if count > 8:
        near = np.flatnonzero((code[: count - 1] == 0xE8) | (code[: count - 1] == 0xE9))
        found.append((low + near + 5 + words[near + 1], low + near))
        conditional = np.flatnonzero((code[: count - 2] == 0x0F) & ((code[1 : count - 1] & 0xF0) == 0x80))
        found.append((low + conditional + 6 + words[conditional + 2], low + conditional))
        loads = np.flatnonzero(
            ((code[: count - 3] & 0xFB) == 0x48)
            & (code[1 : count - 2] == 0x8D)
            & ((code[2 : count - 1] & 0xC7) == 0x05)
        )
        taken = low + loads + 7 + words[loads + 3]
        found.append((taken, low + loads))
        data.append(_switch_targets(elf, np.unique(taken), low, high))
        if elf.type == ET_EXEC:
            data.append(words)
    found += [(targets, np.full(len(targets), NO_CODE, np.int64)) for targets in data]
    targets = np.concatenate([targets for targets, _ in found])
    sources = np.concatenate([sources for _, sources in found])
    inside = (targets >= low) & (targets < high)
    targets, sources = targets[inside], sources[inside]
    order = np.argsort(targets, kind="stable")
    return Targets(targets[order], sources[order])


def _every_int32(code: NDArray[np.uint8]) -> Addresses:
    """The signed 32-bit number at each offset."""
    wide = code.astype(np.int64)
    if len(wide) < 4:
        return np.empty(0, np.int64)
    value = wide[:-3] | wide[1:-2] << 8 | wide[2:-1] << 16 | wide[3:] << 24
    return value - ((value >> 31) << 32)


def _switch_targets(elf: Elf, bases: Addresses, low: int, high: int) -> Addresses:
    """Each address taken outside the code may be a table of 32-bit offsets from itself into the code."""
    found: list[int] = []
    for load in elf.loads:
        if load.flags & PF_X:
            continue
        data = elf.data[load.offset : load.offset + load.file_bytes]
        inside = bases[(bases >= load.vaddr) & (bases + 4 <= load.vaddr + load.file_bytes)]
        for base in inside.tolist():
            at = base - load.vaddr
            for _ in range(_MOST_TABLE):
                target = base + int.from_bytes(data[at : at + 4], "little", signed=True)
                if at + 4 > len(data) or not low <= target < high:
                    break
                found.append(target)
                at += 4
    return np.array(found, np.int64)


def _pointers(elf: Elf) -> Addresses:
    """All aligned 64-bit words of the data: tables of a program at a fixed address, packed relocations."""
    found = [np.empty(0, np.int64)]
    for load in elf.loads:
        if not load.flags & PF_X:
            skip = -load.vaddr % 8
            count = max(0, load.file_bytes - skip) // 8
            found.append(np.frombuffer(elf.data, np.int64, count, load.offset + skip))
    return np.concatenate(found)


def _relocations(elf: Elf) -> Addresses:
    """The addends of DT_RELA."""
    where, size = elf.dynamic_value(DT_RELA), elf.dynamic_value(DT_RELASZ)
    if where is None or size is None:
        return np.empty(0, np.int64)
    table = elf.read(where, size)
    return np.frombuffer(table, np.int64, len(table) // 24 * 3)[2::3]
