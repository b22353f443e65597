"""Finds the system-call sites of an ELF and chooses, for each, the instructions that make room for a jump.

A jump of 32 bits takes 5 bytes, `syscall` has 2: a site's region is `syscall` and its neighbours, whole
instructions, of which none but the first may be a jump's target. Neighbours before it are preferred: then the
call returns into the program's own text, where unwinders know their way."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import capstone
from capstone import x86

from targets.kylinx.image.code import NO_CODE, Ranges, Targets, far_targets, functions
from targets.kylinx.image.elf import Elf, Segment

SYSCALL = b"\x0f\x05"
JUMP_BYTES = 5
_NEAR = 130  # a jump of 8 bits reaches 127 bytes, from its end
_GAP = 64  # code that a function's unwind entry leaves out, as clone's behind its call
_MOST_NEIGHBOURS = 4
# sigreturn through sa_restorer: unwinders and debuggers look for these bytes (libgcc's md-unwind-support)
_RESTORERS = (b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", b"\xb8\x0f\x00\x00\x00\x0f\x05")
_ENDS = (x86.X86_INS_JMP, x86.X86_INS_RET, x86.X86_INS_UD2, x86.X86_INS_HLT, x86.X86_INS_INT3)
_FILL = (x86.X86_INS_NOP, x86.X86_INS_INT3)
_BRANCH = frozenset({capstone.CS_GRP_JUMP, capstone.CS_GRP_CALL, capstone.CS_GRP_RET})
_NEVER = frozenset({capstone.CS_GRP_INT, capstone.CS_GRP_IRET, capstone.CS_GRP_PRIVILEGE})


@dataclass(frozen=True, slots=True)
class Site:
    """``before`` and ``after`` are the neighbours that move to the trampoline; the region is [start, end)."""

    address: int
    start: int
    end: int
    before: tuple[capstone.CsInsn, ...]
    after: tuple[capstone.CsInsn, ...]


@dataclass(frozen=True, slots=True)
class Missed:
    """A site left as it is, with the reason; LSTAR serves it."""

    address: int
    why: str


@dataclass(slots=True)
class Found:
    sites: list[Site]
    missed: list[Missed]


class _Text:
    """The executable segment, disassembled where it is asked for."""

    def __init__(self, elf: Elf, segment: Segment) -> None:
        self.low = segment.vaddr
        self.data = elf.data[segment.offset : segment.offset + segment.file_bytes]
        self.ranges: Ranges = functions(elf, segment)
        self._far: Targets | None = None
        self._elf, self._segment = elf, segment
        self._engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
        self._engine.detail = True
        self._functions: dict[int, list[capstone.CsInsn]] = {}

    def bytes_at(self, address: int, length: int) -> bytes:
        return self.data[address - self.low : address - self.low + length]

    def code(self, start: int, end: int) -> list[capstone.CsInsn]:
        """Linear from ``start``; ends early where the bytes are no instruction."""
        known = self._functions.get(start)
        if known is None or (known and known[-1].address + known[-1].size < end):
            known = list(self._engine.disasm(self.bytes_at(start, end - start), start))
            self._functions[start] = known
        return known

    def function_of(self, address: int) -> list[capstone.CsInsn]:
        """The function that has this address; empty when it cannot be told that it is code."""
        inside = self.ranges.around(address)
        if inside:
            return self.code(*inside)
        before = next(self.ranges.overlapping(address - _GAP, address), None)
        if before is None:
            return []
        *_, (start, end) = self.ranges.overlapping(address - _GAP, address)
        following = next(self.ranges.overlapping(address, address + _GAP), (address + _GAP, 0))[0]
        code = self.code(start, min(following, self.low + len(self.data)))
        run = [one for one in code if end - 15 <= one.address < address and one.address + one.size >= end]
        if not run or any(one.id in (*_ENDS, x86.X86_INS_CALL, x86.X86_INS_SYSCALL) for one in run):
            return []  # not surely reached by falling out of the function's end: it may be data
        return code

    def jumped_into(self, start: int, end: int) -> bool:
        """Whether a jump may lead behind the first byte of [start, end)."""
        if self._far is None:
            self._far = far_targets(self._elf, self._segment, self.ranges)
        if any(self._is_jump(source, target) for target, source in self._far.inside(start + 1, end)):
            return True
        low, high = start - _NEAR, end + _NEAR
        covered = [*self.ranges.overlapping(low, high)]
        for first, last in covered:
            if any(start < target < end for target in _direct_targets(self.code(first, last), low, high)):
                return True
        return any(start < target < end for target in self._uncovered(covered, low, high))

    def _is_jump(self, source: int, target: int) -> bool:
        """Whether the bytes at ``source`` are what they look like: of an instruction with this target."""
        if source == NO_CODE:
            return True
        code = self.function_of(source)
        index = bisect_right(code, source, key=lambda one: one.address) - 1
        if index < 0 or code[index].address + code[index].size <= source:
            return True  # not known to be code: it may be
        one = code[index]
        if one.id == x86.X86_INS_LEA:
            return bool(one.address + one.size + one.disp == target)
        return bool(one.operands and one.operands[0].type == x86.X86_OP_IMM and one.operands[0].imm == target)

    def _uncovered(self, covered: Sequence[tuple[int, int]], low: int, high: int) -> Iterator[int]:
        """Targets of all bytes outside functions that look like a jump of 8 bits."""
        for address in range(max(low, self.low), min(high, self.low + len(self.data) - 1)):
            byte = self.data[address - self.low]
            if (byte & 0xF0 == 0x70 or byte == 0xEB or byte & 0xFC == 0xE0) and not any(
                first <= address < last for first, last in covered
            ):
                yield address + 2 + int.from_bytes(self.bytes_at(address + 1, 1), "little", signed=True)


def _direct_targets(code: Sequence[capstone.CsInsn], low: int, high: int) -> Iterator[int]:
    """Of the jumps in [low, high)."""
    at = bisect_left(code, low, key=lambda one: one.address)
    while at < len(code) and code[at].address < high:
        one = code[at]
        if (
            one.group(capstone.CS_GRP_BRANCH_RELATIVE)
            and one.operands
            and one.operands[0].type == x86.X86_OP_IMM
        ):
            yield one.operands[0].imm
        at += 1


def find_sites(elf: Elf) -> Found:
    """Every `syscall` in the code of the executable segment. Sorted by address."""
    found = Found([], [])
    segment = elf.text
    if segment is None or SYSCALL not in elf.data[segment.offset : segment.offset + segment.file_bytes]:
        return found
    text = _Text(elf, segment)
    taken = 0
    at = -1
    while (at := text.data.find(SYSCALL, at + 1)) >= 0:  # only where to look: what it is, disassembly decides
        address = text.low + at
        code = text.function_of(address)
        index = bisect_left(code, address, key=lambda one: one.address)
        if index < len(code) and code[index].address == address and code[index].id == x86.X86_INS_SYSCALL:
            site = _choose(text, code, index, taken)
            if isinstance(site, Site):
                taken = site.end
                found.sites.append(site)
            else:
                found.missed.append(Missed(address, site))
    return found


def _choose(text: _Text, code: list[capstone.CsInsn], index: int, taken: int) -> Site | str:
    """The region for the site ``code[index]`` with the fewest neighbours behind it; or why there is none."""
    address = code[index].address
    for restorer in _RESTORERS:
        if text.bytes_at(address + 2 - len(restorer), len(restorer)) == restorer:
            return "signal restorer, known by its bytes"
    why = "no room: its neighbours cannot be moved"
    for behind in range(_MOST_NEIGHBOURS + 1):
        after = _after(text, code, index, behind)
        if after is None:
            break
        end = after[-1].address + after[-1].size if after else address + 2
        for ahead in range(_MOST_NEIGHBOURS + 1):
            before = code[max(0, index - ahead) : index]
            if len(before) < ahead or not all(_movable(one) or _conditional(one) for one in before):
                break
            start = before[0].address if before else address
            if start < taken:
                break
            if end - start < JUMP_BYTES:
                padded = _padding(text, after, end, start + JUMP_BYTES)
                if not padded:
                    continue
                wide = start + JUMP_BYTES
            else:
                wide = end
            if text.jumped_into(start, wide):
                why = "a jump leads between its neighbours"
                continue
            return Site(address, start, wide, tuple(before), tuple(after))
    return why


def _after(text: _Text, code: list[capstone.CsInsn], index: int, count: int) -> list[capstone.CsInsn] | None:
    """The ``count`` instructions behind the site; None when one of them cannot be moved."""
    after = code[index + 1 : index + 1 + count]
    if len(after) < count:
        return None
    for number, one in enumerate(after):
        last = number == count - 1
        if not (_movable(one) or (_rewritable(one) and (last or one.id not in _ENDS))):
            return None
    return after


def _movable(one: capstone.CsInsn) -> bool:
    """An instruction that does the same elsewhere once its rip-relative address is mended."""
    stays = (x86.X86_INS_SYSCALL, x86.X86_INS_UD2, x86.X86_INS_XBEGIN)
    return not set(one.groups) & (_BRANCH | _NEVER) and one.id not in stays


def _conditional(one: capstone.CsInsn) -> bool:
    """A conditional jump, which can be written anew elsewhere."""
    opcode = bytes(one.bytes)
    return opcode[0] & 0xF0 == 0x70 or (opcode[0] == 0x0F and opcode[1] & 0xF0 == 0x80)


def _rewritable(one: capstone.CsInsn) -> bool:
    """A jump that can be written anew elsewhere, or a plain return."""
    if one.id == x86.X86_INS_RET:
        return bytes(one.bytes) in (b"\xc3", b"\xf3\xc3")
    return _conditional(one) or one.bytes[0] in (0xEB, 0xE9)


def _padding(text: _Text, after: list[capstone.CsInsn], end: int, wanted: int) -> bool:
    """Whether [end, wanted) is filler behind a return or jump, outside all functions."""
    if not after or after[-1].id not in _ENDS or next(text.ranges.overlapping(end, wanted), None):
        return False
    at = end
    for one in text.code(end, wanted + 15):
        if one.id not in _FILL:
            return False
        at = one.address + one.size
        if at >= wanted:
            return True
    return False
