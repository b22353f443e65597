"""Builds the kernel and its tasks with the cross-compiler: ``make``, once a process, one builder at a time.

With KXBENCH_MICROKERNEL_BUILD in the environment, what is in that folder is used, as it is."""

import os
from dataclasses import dataclass
from pathlib import Path

from targets.making import make
from vocabulary.errors import TargetError

HERE = Path(__file__).parent
_GIVEN = os.environ.get("KXBENCH_MICROKERNEL_BUILD", "")
BUILD = Path(_GIVEN).absolute() if _GIVEN else HERE / "build"
_built: set[str] = set()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a machine boots: the kernel's image, and the directory with the tasks' programs (``NAME.elf``)."""

    kernel: Path
    tasks: Path

    def programs(self) -> dict[str, Path]:
        """By the names that they have in the initrd. Raises TargetError when there are none."""
        found = {path.stem: path for path in sorted(self.tasks.glob("*.elf"))}
        if not found or not self.kernel.is_file():
            lacking = self.tasks / "*.elf" if self.kernel.is_file() else self.kernel
            raise TargetError("there is no such file", where=str(lacking), remedy="run ./kxbench setup")
        return found


PARTS = Parts(BUILD / "kernel.img", BUILD / "tasks")


def build() -> None:
    """Idempotent. Raises TargetError with the compiler's first words, HostError where one may not write."""
    if _built or _GIVEN:
        return
    make(HERE, BUILD)
    _built.add("all")
