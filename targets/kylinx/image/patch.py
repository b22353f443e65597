"""An ELF's patched text: each system-call site made a jump to a trampoline that enters the LibOS."""

import ctypes
from dataclasses import dataclass

from targets.kylinx import abi


@dataclass(frozen=True, slots=True)
class Patched:
    """The patched copy of the executable segment's pages, and the trampolines that go behind the span."""

    text: bytes
    text_offset: int
    text_vaddr: int
    span: int
    trampolines: bytes
    sites: int
    missed: int
    build_id: bytes

    def record(self) -> abi.ImageExec:
        record = abi.ImageExec(self.text_offset, len(self.text), self.text_vaddr)
        record.span = record.trampoline_vaddr = self.span
        record.trampoline_bytes = len(self.trampolines)
        record.sites, record.missed = self.sites, self.missed
        record.build_id = (ctypes.c_uint8 * 20)(*self.build_id)
        return record
