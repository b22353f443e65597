"""Builds the monitor and the LibOS: ``make``, once a process, one builder at a time.

With KXBENCH_KYLINX_BUILD in the environment, what is in that folder is used (for work on the C parts)."""

import os
from pathlib import Path

from targets.making import make

HERE = Path(__file__).parent
_GIVEN = os.environ.get("KXBENCH_KYLINX_BUILD", "")
BUILD = Path(_GIVEN).absolute() if _GIVEN else HERE / "build"
MONITOR = BUILD / "monitor.elf"
LIBOS = BUILD / "libos.elf"
_built: set[str] = set()


def build() -> None:
    """Idempotent. Raises TargetError with the compiler's first words, HostError where one may not write."""
    if _built or _GIVEN:
        return
    make(HERE, BUILD)
    _built.add("all")
