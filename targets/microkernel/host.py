"""What the micro kernel needs of this host: an emulator, a cross-compiler, taps."""

import os
import shutil
from pathlib import Path

QEMU = "qemu-system-arm"
LWIP = Path(__file__).parent / "build" / "lwip" / "src" / "core"
TUN = Path("/dev/net/tun")
_PACKAGES = {QEMU: "qemu-system-arm", "arm-none-eabi-gcc": "gcc-arm-none-eabi", "make": "make"}


def missing() -> str:
    """Why a machine cannot be built or started here, with the remedy; empty when it can."""
    if absent := [program for program in _PACKAGES if not shutil.which(program)]:
        packages = " ".join(_PACKAGES[program] for program in absent)
        return f"{' and '.join(absent)} not found; ./kxbench setup, or apt-get install {packages}"
    if not LWIP.is_dir():
        return f"lwIP's source is not in {LWIP.parents[1]}; ./kxbench setup fetches it, or says why it cannot"
    if not os.access(TUN, os.R_OK | os.W_OK):
        return f"{TUN} cannot be used; modprobe tun, and run as root"
    return ""
