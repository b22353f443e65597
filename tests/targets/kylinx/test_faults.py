"""Backtraces of fault reports: what is known, and what is a guess and says so."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from targets.kylinx import building, host
from targets.kylinx.image import Request, build_image
from targets.kylinx.toolstack.faults import Fault
from targets.kylinx.toolstack.symbols import Symbols

ROOT = Path(__file__).resolve().parents[3]
CHAIN = r"""
__attribute__((noinline)) void third(volatile int *p) { *p = 1; }
__attribute__((noinline)) void second(volatile int *p) { third(p); __asm__ volatile(""); }
__attribute__((noinline)) void first(volatile int *p) { second(p); __asm__ volatile(""); }
int main(int argc, char **argv) { (void)argv; first((volatile int *)(long)(argc - 1)); return 0; }
"""
KEEPS, OMITS = "-fno-omit-frame-pointer", "-fomit-frame-pointer"


def _compiled(folder: Path, flags: str) -> Path:
    source = folder / "chain.c"
    source.write_text(CHAIN)
    program = folder / "chain"
    subprocess.run(["gcc", "-O0", *flags.split(), "-o", program, source], check=True, timeout=60)
    return program


def _frames(text: str) -> list[tuple[int, bool, str]]:
    """(number, whether it is marked as a guess, the function's name)."""
    found = re.findall(r"^ +#(\d+) +0x[0-9a-f]+ (\? )?(\w*)", text, re.MULTILINE)
    return [(int(number), bool(mark), name) for number, mark, name in found]


@pytest.mark.root
@pytest.mark.parametrize("flags", [KEEPS, OMITS])
def test_a_backtrace_marks_its_guesses(tmp_path: Path, flags: str) -> None:
    if why := host.missing():
        pytest.skip(why)
    building.build()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench", "pvm", "run", str(_compiled(tmp_path, flags))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 139, done.stderr
    frames = _frames(done.stderr)
    assert frames[0] == (0, False, "third")
    assert [name for _, _, name in frames[:4]] == ["third", "second", "first", "main"]
    marked = [guess for _, guess, _ in frames]
    if flags == KEEPS:  # main keeps its frame, so who called it is known; that is libc, which keeps none
        assert marked[:5] == [False] * 5 and all(marked[5:])
    else:
        assert all(marked[1:])
    assert ("?: a guess" in done.stderr) is any(marked)


def test_frames_are_guesses_where_the_frame_pointer_leads_nowhere(tmp_path: Path) -> None:
    """The same addresses with a frame pointer outside the stack: the LibOS must have searched."""
    program = _compiled(tmp_path, KEEPS)
    image = build_image(Request((str(program),)), tmp_path / "chain.kximage").path
    listing = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    at = {line.split()[2]: int(line.split()[0], 16) for line in listing.splitlines() if " T " in line}
    base = 0x7F0000000000
    rip = hex(base + at["third"] + 12)
    event = {
        "backtrace": [rip, hex(base + at["second"] + 16)],
        "maps": [[hex(base), hex(base + 0x4000), "0x0", str(program)]],
    }
    registers = {"rip": rip, "rsp": "0x7fff0000", "rbp": "0x7fff0010"}
    known = Fault.of(event | {"registers": registers}).text(Symbols(image))
    assert [guess for _, guess, _ in _frames(known)] == [False, False], known
    for rbp in ("0x7ffefff8", "0x7fff0011", "0x83ff0000", "0x0"):
        text = Fault.of(event | {"registers": registers | {"rbp": rbp}}).text(Symbols(image))
        assert [guess for _, guess, _ in _frames(text)] == [False, True], rbp


def test_the_monitors_own_text_is_marked_too() -> None:
    text = "x[2]: signal 11, rip 0x10 (/bin/x+0x10)\n  #0 0x10 (/bin/x+0x10)\n  #1 0x20 (/bin/x+0x20)\n"
    marked = Symbols(None).annotate(text)
    assert marked == text.replace("#1 0x20 (", "#1 0x20 ? (")
