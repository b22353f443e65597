"""An ELF's patched text: each system-call site made a jump to a trampoline that enters the LibOS.

A trampoline holds the moved neighbours, `lea rcx,[rip+back]` and `jmp *%gs:KX_GS_SYSCALL_ENTRY` (see "Entry
into the LibOS" in kx_abi.h). The file's own bytes stay: a copy is patched and mapped for execution."""

import base64
import contextlib
import ctypes
import hashlib
import json
import os
import struct
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import capstone
from capstone import x86

from targets.kylinx import abi
from targets.kylinx.image.elf import PAGE, Elf, down, up
from targets.kylinx.image.sites import JUMP_BYTES, Missed, Site, find_sites

_ALIGN = 16
_TRAP = b"\xcc"  # int3: a jump that nobody foresaw fails loudly
_ENTER = b"\x65\xff\x24\x25" + struct.pack("<I", abi.KX_GS_SYSCALL_ENTRY)  # jmp *%gs:disp32
_LEA_RCX = b"\x48\x8d\x0d"


@dataclass(frozen=True, slots=True)
class Patched:
    """``edits``: (offset in the text's pages, bytes); ``missed``: the sites left alone."""

    text_offset: int
    text_vaddr: int
    text_bytes: int
    span: int
    edits: tuple[tuple[int, bytes], ...]
    trampolines: bytes
    missed: tuple[Missed, ...]
    build_id: bytes

    @property
    def sites(self) -> int:
        return len(self.edits)

    def text(self, original: bytes) -> bytes:
        """The patched copy of the text's pages, from the file's bytes."""
        pages = bytearray(original[self.text_offset : self.text_offset + self.text_bytes])
        pages.extend(bytes(self.text_bytes - len(pages)))
        for offset, replacement in self.edits:
            pages[offset : offset + len(replacement)] = replacement
        return bytes(pages)

    def record(self) -> abi.ImageExec:
        """For the image's array; the offsets of the copies are left to the writer."""
        record = abi.ImageExec(self.text_offset, self.text_bytes, self.text_vaddr)
        record.span = record.trampoline_vaddr = self.span
        record.trampoline_bytes = len(self.trampolines)
        record.sites, record.missed = self.sites, len(self.missed)
        record.build_id = (ctypes.c_uint8 * 20)(*self.build_id)
        return record


def patch(elf: Elf) -> Patched:
    """Rewrite what can be rewritten. Deterministic. Raises TargetError when the program is too large."""
    found = find_sites(elf)
    text = elf.text
    start, offset, size = (down(text.vaddr), down(text.offset), 0) if text else (0, 0, 0)
    if text:
        size = up(text.offset + text.file_bytes) - offset
    area = bytearray()
    edits = []
    for site in found.sites:
        area.extend(_TRAP * (-len(area) % _ALIGN))
        at = elf.span + len(area)
        edits.append((site.start - start, _jump(site, at, elf)))
        area += _trampoline(site, at, elf)
    area.extend(_TRAP * (-len(area) % PAGE))
    return Patched(
        offset, start, size, elf.span, tuple(edits), bytes(area), tuple(found.missed), elf.build_id
    )


def _relative(elf: Elf, target: int, end: int) -> bytes:
    """A 32-bit displacement from ``end`` (the next instruction) to ``target``."""
    distance = target - end
    if not -(1 << 31) <= distance < 1 << 31:
        raise elf.wrong("its text is farther than 2 GiB from its end: no trampoline can be reached")
    return struct.pack("<i", distance)


def _jump(site: Site, trampoline: int, elf: Elf) -> bytes:
    jump = b"\xe9" + _relative(elf, trampoline, site.start + JUMP_BYTES)
    return jump + _TRAP * (site.end - site.start - JUMP_BYTES)


def _trampoline(site: Site, at: int, elf: Elf) -> bytes:
    made = b""
    for one in site.before:
        made += _moved(one, at + len(made), elf)
    enter = at + len(made) + len(_LEA_RCX) + 4
    back = enter + len(_ENTER) if site.after else site.address + 2
    made += _LEA_RCX + _relative(elf, back, enter) + _ENTER
    for one in site.after:
        made += _moved(one, at + len(made), elf)
    if site.after and site.after[-1].id not in (x86.X86_INS_JMP, x86.X86_INS_RET):
        made += b"\xe9" + _relative(elf, site.end, at + len(made) + JUMP_BYTES)
    return made


def _moved(one: capstone.CsInsn, at: int, elf: Elf) -> bytes:
    """The instruction's bytes for its new address."""
    code = bytes(one.bytes)
    if one.group(capstone.CS_GRP_JUMP):
        target = one.operands[0].imm
        if one.id == x86.X86_INS_JMP:
            return b"\xe9" + _relative(elf, target, at + 5)
        condition = (code[0] if code[0] & 0xF0 == 0x70 else code[1]) & 0x0F
        return bytes((0x0F, 0x80 | condition)) + _relative(elf, target, at + 6)
    if any(o.type == x86.X86_OP_MEM and o.mem.base == x86.X86_REG_RIP for o in one.operands):
        target = one.address + one.size + one.disp
        where = one.disp_offset
        return code[:where] + _relative(elf, target, at + one.size) + code[where + 4 :]
    return code


@cache
def _version() -> str:
    """Of the code that patches: what an older one made is not used."""
    digest = hashlib.sha256(_ENTER)
    for name in ("code.py", "sites.py", "patch.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()[:16]


def patch_cached(elf: Elf, cache_folder: Path) -> Patched:
    """As `patch`, but once for each file, by build-id and hash of its bytes."""
    name = f"{elf.build_id.hex() or 'none'}-{hashlib.sha256(elf.data).hexdigest()[:32]}-{_version()}.json"
    kept = cache_folder / name
    try:
        return _load(json.loads(kept.read_text(encoding="ascii")))
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole: made anew
        pass
    made = patch(elf)
    with contextlib.suppress(OSError):  # a cache that may not be written, or a full disk: next time again
        cache_folder.mkdir(parents=True, exist_ok=True)
        temporary = kept.with_suffix(f".{os.getpid()}")
        try:
            temporary.write_text(json.dumps(_dump(made)), encoding="ascii")
            temporary.replace(kept)
        finally:
            temporary.unlink(missing_ok=True)
    return made


def _dump(made: Patched) -> dict[str, object]:
    return {
        "numbers": [made.text_offset, made.text_vaddr, made.text_bytes, made.span],
        "edits": [[offset, replacement.hex()] for offset, replacement in made.edits],
        "trampolines": base64.b64encode(made.trampolines).decode("ascii"),
        "missed": [[missed.address, missed.why] for missed in made.missed],
        "build_id": made.build_id.hex(),
    }


def _load(kept: dict[str, object]) -> Patched:
    numbers, edits, missed = kept["numbers"], kept["edits"], kept["missed"]
    assert isinstance(numbers, list) and isinstance(edits, list) and isinstance(missed, list)
    offset, vaddr, size, span = map(int, numbers)
    return Patched(
        offset,
        vaddr,
        size,
        span,
        tuple((int(where), bytes.fromhex(text)) for where, text in edits),
        base64.b64decode(str(kept["trampolines"]), validate=True),
        tuple(Missed(int(address), str(why)) for address, why in missed),
        bytes.fromhex(str(kept["build_id"])),
    )
