"""The kernel with its tasks in a machine without a network: what the guest printed until it was switched off.

In virtual time, so that each run of one build prints the same."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from targets.microkernel import initrd
from targets.microkernel.building import PARTS
from targets.microkernel.host import QEMU

MACHINE = f"""{QEMU} -nodefaults -no-user-config -display none -no-reboot -accel tcg
    -machine virt,gic-version=2,dtb-randomness=off -cpu cortex-a15 -serial stdio
    -icount shift=0,sleep=off -rtc clock=vm,base=2026-01-01 -seed 1""".split()


def boot(
    directory: Path,
    arguments: str,
    files: Mapping[str, Path] | None = None,
    *,
    memory_mib: int = 64,
    timeout_s: float = 60.0,
) -> str:
    """``directory`` is for the initrd. Fails when the guest does not switch itself off in time."""
    archive = directory / "initrd"
    initrd.write(archive, {**PARTS.programs(), **(files or {})})
    command = [*MACHINE, "-m", f"{memory_mib}M", "-kernel", str(PARTS.kernel), "-initrd", str(archive)]
    try:
        done = subprocess.run(
            [*command, "-append", arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"").decode(errors="replace")
        raise AssertionError(f"the guest was not done in {timeout_s} s; it said {said[-3000:]}") from None
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    assert "mk: panic" not in said, said[-3000:]
    return said
