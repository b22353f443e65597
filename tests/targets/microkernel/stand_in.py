"""The stand-in guest, assembled, and what it prints in place of the kernel's program `bench`."""

import json
import shutil
import subprocess
from pathlib import Path

from targets.microkernel.building import Parts
from workloads.protocol import BEGIN, END

HERE = Path(__file__).parent


def assemble(directory: Path, text: str, ends: str = "OFF", repeat: int = 1) -> Parts:
    """The parts, in ``directory``, of a machine whose guest prints ``text`` ``repeat`` times, then switches
    itself off (``ends="OFF"``), waits (``WAIT``) or spins (``SPIN``)."""
    said, elf = directory / "guest.txt", directory / "guest.elf"
    parts = Parts(directory / "kernel.img", directory / "tasks")
    said.write_bytes(text.encode())
    defines = [f'-DTEXT="{said}"', f"-DREPEAT={repeat}", f"-D{ends}"]
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-a15", "-nostdlib", "-Wl,-Ttext=0", *defines]
    subprocess.run([*command, "-o", elf, HERE / "stand_in.S"], check=True)
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", elf, parts.kernel], check=True)
    parts.tasks.mkdir(exist_ok=True)
    shutil.copy(elf, parts.tasks / "init.elf")
    return parts


def printed(**params: object) -> str:
    """What `bench` would print of the group syscall, had it measured but three null calls."""
    metric = {
        "name": "null_call",
        "unit": "instructions",
        "better": "lower",
        "labels": {},
        "samples": [71, 70, 70],
        "statistics": {"count": 3, "min": 70, "q1": 70, "median": 70, "q3": 71, "max": 71}
        | {"mean": 70, "stddev": 0},
    }
    body = {"schema": 1, "program": "kernel", "clock": "icount", "params": params, "metrics": [metric]}
    lines = ["mk: a stand-in", BEGIN, json.dumps(body), END, "@@MK EXIT bench 0@@"]
    return "".join(f"{line}\r\n" for line in lines)
