"""The numbers and layouts that monitor, LibOS and we share, read from ``kx_abi.h``.

`NUMBERS` holds every plain ``#define KX_NAME number``, also to be had as attributes: ``abi.KX_PAGE``. The
structures are written out here; a test compiles the header and compares every size and offset."""

import ctypes
import re
from pathlib import Path

HEADER = Path(__file__).parent / "kx_abi.h"
_DEFINE = re.compile(r"^#define\s+(KX_\w+)\s+(0[xX][0-9a-fA-F]+|\d+)\s*(?:/\*.*)?$", re.MULTILINE)


def read_numbers(text: str) -> dict[str, int]:
    """Every ``#define KX_NAME number`` of a header; macros that are no plain number are left out."""
    return {name: int(value, 0) for name, value in _DEFINE.findall(text)}


NUMBERS = read_numbers(HEADER.read_text(encoding="utf-8"))


def __getattr__(name: str) -> int:
    try:
        return NUMBERS[name]
    except KeyError:
        raise AttributeError(f"{HEADER.name} defines no number {name}") from None


_u16, _u32, _u64, _s64 = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64, ctypes.c_int64


class Frame(ctypes.LittleEndianStructure):
    """``struct kx_frame``: the application's registers."""

    _fields_ = [
        (name, _u64)
        for name in (
            *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8"),
            *(
                "rax",
                "rcx",
                "rdx",
                "rsi",
                "rdi",
                "orig_rax",
                "rip",
                "rflags",
                "rsp",
                "vector",
                "error",
                "cr2",
            ),
        )
    ]


class FaultReport(ctypes.LittleEndianStructure):
    """``struct kx_fault_report``: a program died of a signal; ``maps`` entries of `FaultMap` follow it."""

    _fields_ = [
        *((name, _u32) for name in ("pid", "tid", "signo", "code")),
        ("address", _u64),
        ("frame", Frame),
        ("depth", _u32),
        ("maps", _u32),
        ("backtrace", _u64 * NUMBERS["KX_FAULT_DEPTH"]),
        ("comm", ctypes.c_char * 16),
    ]


class FaultMap(ctypes.LittleEndianStructure):
    """``struct kx_fault_map``: where a file was mapped; ``offset`` is in the file."""

    _fields_ = [("start", _u64), ("end", _u64), ("offset", _u64), ("path", ctypes.c_char * 104)]


class ImageHeader(ctypes.LittleEndianStructure):
    """``struct kx_image_header``, in the first page of an image."""

    _fields_ = [
        ("magic", ctypes.c_char * 8),
        ("version", _u32),
        ("inodes", _u32),
        *((name, _u64) for name in ("bytes", "inode_off", "dirent_off", "string_off", "exec_off")),
        ("dirents", _u32),
        ("execs", _u32),
        ("string_bytes", _u64),
        ("sha256", ctypes.c_uint8 * 32),
    ]


class ImageInode(ctypes.LittleEndianStructure):
    """``struct kx_image_inode``; inode 0 is the root directory."""

    _fields_ = [
        *((name, _u32) for name in ("mode", "nlink", "uid", "gid")),
        ("size", _u64),
        ("mtime_ns", _s64),
        ("data", _u64),
        *((name, _u32) for name in ("first", "count", "exec", "parent")),
    ]


class ImageDirent(ctypes.LittleEndianStructure):
    """``struct kx_image_dirent``; ``name`` is an offset in the strings."""

    _fields_ = [("name", _u32), ("length", _u16), ("type", _u16), ("inode", _u32), ("pad", _u32)]


class ImageExec(ctypes.LittleEndianStructure):
    """``struct kx_image_exec``: an ELF's patched text and its trampolines."""

    _fields_ = [
        *((name, _u64) for name in ("text", "text_bytes", "text_vaddr", "patched", "span")),
        *((name, _u64) for name in ("trampoline_vaddr", "trampoline_bytes", "trampoline")),
        ("sites", _u32),
        ("missed", _u32),
        ("build_id", ctypes.c_uint8 * 20),
        ("pad", _u32),
    ]


STRUCTURES: dict[str, type[ctypes.LittleEndianStructure]] = {
    "kx_frame": Frame,
    "kx_fault_report": FaultReport,
    "kx_fault_map": FaultMap,
    "kx_image_header": ImageHeader,
    "kx_image_inode": ImageInode,
    "kx_image_dirent": ImageDirent,
    "kx_image_exec": ImageExec,
}
IMAGE_MAGIC = b"KXIMAGE1"
