"""An ELF file as the kernel and ld.so see it: program headers, dynamic section, notes; nothing believed
unchecked. Section headers may be stripped or lie, so they are not used here.

Reference: System V ABI, AMD64 supplement; elf(5)."""

import struct
from dataclasses import dataclass
from functools import cached_property

from vocabulary.errors import TargetError

PAGE = 4096
MAGIC = b"\x7fELF"
USER_TOP = 1 << 47
MOST_SEGMENTS = 256
MOST_TAGS = 4096
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_GNU_EH_FRAME = 1, 2, 3, 4, 0x6474E550
PF_X, PF_W, PF_R = 1, 2, 4
ET_EXEC, ET_DYN, EM_X86_64 = 2, 3, 62
DT_NEEDED, DT_STRTAB, DT_RELA, DT_RELASZ, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = (
    1,
    5,
    7,
    8,
    10,
    14,
    15,
    29,
)
_NT_GNU_BUILD_ID = 3


def down(value: int) -> int:
    """To the start of its page."""
    return value & -PAGE


def up(value: int) -> int:
    """To a multiple of the page size."""
    return -(-value // PAGE) * PAGE


@dataclass(frozen=True, slots=True)
class Segment:
    """A program header."""

    kind: int
    flags: int
    offset: int
    vaddr: int
    file_bytes: int
    memory_bytes: int


def is_elf(data: bytes) -> bool:
    return data[:4] == MAGIC


class Elf:
    """``where`` is how errors name it. Raises TargetError for no loadable x86-64 program or library."""

    def __init__(self, data: bytes, where: str) -> None:
        self.data, self.where = data, where
        if not is_elf(data):
            raise self.wrong("not an ELF file")
        if len(data) < 64:
            raise self.wrong("the ELF header is cut off")
        if data[4:7] != b"\x02\x01\x01":
            raise self.wrong("not a 64-bit little-endian ELF file")
        self.type, self.machine = struct.unpack_from("<HH", data, 16)
        if self.machine != EM_X86_64:
            raise self.wrong(f"not for x86-64 (machine {self.machine})")
        if self.type not in (ET_EXEC, ET_DYN):
            raise self.wrong(f"neither a program nor a shared library (type {self.type})")
        self.entry, table = struct.unpack_from("<QQ", data, 24)
        if self.entry >= USER_TOP:
            raise self.wrong("its entry point lies outside the application's addresses")
        size, count = struct.unpack_from("<HH", data, 54)
        self.segments = self._read_segments(table, size, count)
        self._check_loads()

    def wrong(self, what: str) -> TargetError:
        return TargetError(
            what, where=self.where, remedy="the file is damaged or of another kind: reinstall or rebuild it"
        )

    def _read_segments(self, table: int, size: int, count: int) -> tuple[Segment, ...]:
        if size != 56 or not 0 < count <= MOST_SEGMENTS:
            raise self.wrong(f"bad program headers ({count} of {size} bytes)")
        if table + size * count > len(self.data):
            raise self.wrong("the program headers lie outside the file")
        found = []
        for at in range(table, table + size * count, size):
            kind, flags, offset, vaddr, _, file_bytes, memory_bytes, _ = struct.unpack_from(
                "<IIQQQQQQ", self.data, at
            )
            segment = Segment(kind, flags, offset, vaddr, file_bytes, memory_bytes)
            if kind in (PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_GNU_EH_FRAME):
                if offset + file_bytes > len(self.data):
                    raise self.wrong(f"a segment (type {kind:#x}) lies outside the file")
                if vaddr + memory_bytes > USER_TOP:
                    raise self.wrong(f"a segment (type {kind:#x}) lies outside the application's addresses")
            found.append(segment)
        return tuple(found)

    def _check_loads(self) -> None:
        if not self.loads:
            raise self.wrong("it has no loadable segment")
        end = 0
        for load in self.loads:
            if load.file_bytes > load.memory_bytes:
                raise self.wrong("a loadable segment is larger in the file than in memory")
            if (load.offset - load.vaddr) % PAGE:
                raise self.wrong("a loadable segment is not aligned alike in file and memory")
            if load.vaddr < end:
                raise self.wrong("its loadable segments overlap or are out of order")
            end = load.vaddr + load.memory_bytes

    @property
    def loads(self) -> list[Segment]:
        return [segment for segment in self.segments if segment.kind == PT_LOAD]

    @property
    def span(self) -> int:
        """End of the last loadable segment, rounded up to a page."""
        last = self.loads[-1]
        return up(last.vaddr + last.memory_bytes)

    @property
    def text(self) -> Segment | None:
        """The executable segment; the largest when there are more, None when there is none."""
        executable = [load for load in self.loads if load.flags & PF_X and load.file_bytes]
        return max(executable, key=lambda load: load.file_bytes, default=None)

    def read(self, vaddr: int, length: int) -> bytes:
        """The file's bytes for these addresses; fewer (or none) where no segment has them."""
        for load in self.loads:
            if load.vaddr <= vaddr < load.vaddr + load.file_bytes:
                start = load.offset + vaddr - load.vaddr
                return self.data[start : min(start + max(0, length), load.offset + load.file_bytes)]
        return b""

    @cached_property
    def interpreter(self) -> str | None:
        """Its program interpreter (ld.so), None for a static program or a library."""
        for segment in self.segments:
            if segment.kind == PT_INTERP:
                raw = self.data[segment.offset : segment.offset + segment.file_bytes]
                name, nul, _ = raw.partition(b"\0")
                if not nul or not name.startswith(b"/") or len(name) > 4095:
                    raise self.wrong("the path of its interpreter is malformed")
                return name.decode("utf-8", "surrogateescape")
        return None

    @cached_property
    def _dynamic(self) -> list[tuple[int, int]]:
        for segment in self.segments:
            if segment.kind == PT_DYNAMIC:
                tags = []
                for at in range(0, min(segment.file_bytes, 16 * MOST_TAGS) - 15, 16):
                    tag, value = struct.unpack_from("<QQ", self.data, segment.offset + at)
                    if not tag:
                        break
                    tags.append((tag, value))
                return tags
        return []

    def dynamic_value(self, tag: int) -> int | None:
        return next((value for known, value in self._dynamic if known == tag), None)

    def _dynamic_strings(self, tag: int) -> list[str]:
        offsets = [value for known, value in self._dynamic if known == tag]
        if not offsets:
            return []
        table = self.read(self.dynamic_value(DT_STRTAB) or 0, self.dynamic_value(DT_STRSZ) or 0)
        found = []
        for offset in offsets:
            name, nul, _ = table[offset : offset + 4096].partition(b"\0")
            if not name or not nul:
                raise self.wrong("a name in its dynamic section lies outside the string table")
            found.append(name.decode("utf-8", "surrogateescape"))
        return found

    @cached_property
    def needed(self) -> list[str]:
        """DT_NEEDED, in order."""
        return self._dynamic_strings(DT_NEEDED)

    @cached_property
    def rpath(self) -> list[str]:
        """DT_RPATH's directories; ld.so ignores them when there is a DT_RUNPATH."""
        return [] if self.runpath else _directories(self._dynamic_strings(DT_RPATH))

    @cached_property
    def runpath(self) -> list[str]:
        return _directories(self._dynamic_strings(DT_RUNPATH))

    @cached_property
    def build_id(self) -> bytes:
        """At most 20 bytes; empty when it has none."""
        for segment in self.segments:
            if segment.kind == PT_NOTE:
                found = _build_id(self.data[segment.offset : segment.offset + segment.file_bytes])
                if found:
                    return found[:20]
        return b""


def _directories(strings: list[str]) -> list[str]:
    return [directory for string in strings for directory in string.split(":") if directory]


def _build_id(notes: bytes) -> bytes:
    at = 0
    while at + 12 <= len(notes):
        name_bytes, data_bytes, kind = struct.unpack_from("<III", notes, at)
        data_at = at + 12 + -(-name_bytes // 4) * 4
        if kind == _NT_GNU_BUILD_ID and notes[at + 12 : at + 16] == b"GNU\0":
            return notes[data_at : data_at + data_bytes]
        at = data_at + -(-data_bytes // 4) * 4
    return b""
