"""Where bcc finds kernel headers, and the file systems it needs.

Our programs read tracepoint arguments only, whose layouts bcc takes from the running kernel, and no kernel
struct. So the headers of any kernel do; the running kernel's own are merely preferred."""

import os
import platform
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from vocabulary import UnsupportedError

_KCONFIG = Path("include/linux/kconfig.h")
_AUTOCONF = Path("include/generated/autoconf.h")
_ARCHITECTURES = {
    "x86_64": "x86",
    "aarch64": "arm64",
    "ppc64le": "powerpc",
    "s390x": "s390",
    "riscv64": "riscv",
}
_TRACING = (Path("/sys/kernel/debug/tracing"), Path("/sys/kernel/tracing"))  # in bcc's order


@dataclass(frozen=True, slots=True)
class Headers:
    """``source`` is what BCC_KERNEL_SOURCE is to be (None: bcc finds them itself); ``cflags`` go with it."""

    description: str
    source: Path | None = None
    cflags: tuple[str, ...] = ()


def _version_key(path: Path) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", path.name)]


def _split_cflags(generated: Path) -> tuple[str, ...]:
    """Where a distribution keeps what is generated apart from the rest (Debian's -amd64 and -common)."""
    arch = _ARCHITECTURES.get(platform.machine(), platform.machine())
    here = f"arch/{arch}/include/generated"
    inside = (here, f"{here}/uapi", "include", "include/generated/uapi")
    return tuple(f"-I{generated / part}" for part in inside)


def _common_of(generated: Path) -> Path | None:
    """The other half: Debian's Makefile is one line, ``include .../linux-headers-...-common/Makefile``."""
    makefile = generated / "Makefile"
    found = re.search(r"^include (\S+)/Makefile", makefile.read_text(), re.M) if makefile.is_file() else None
    common = Path(found[1]) if found else None
    return common if common and (common / _KCONFIG).is_file() else None


def _installed(root: Path) -> Iterator[Headers]:
    """Headers of whatever kernel under ``root`` (/usr/src), the newest first."""
    folders = sorted(root.glob("linux-headers-*"), key=_version_key, reverse=True)
    for folder in folders:
        if not (folder / _AUTOCONF).is_file():
            continue  # Debian's -common, or what a removal left
        if (folder / _KCONFIG).is_file():
            yield Headers(f"{folder.name} (of another kernel)", folder)
        elif common := _common_of(folder):
            yield Headers(f"{folder.name} (of another kernel)", common, _split_cflags(folder))


def _build_tree(release: str) -> Headers | None:
    modules = Path("/lib/modules") / release
    build = modules / "build"
    if (build / _KCONFIG).is_file() or ((modules / "source" / _KCONFIG).is_file() and build.is_dir()):
        return Headers(f"the build tree of the running kernel {release}")
    return None


def _kheaders() -> Headers | None:
    archive = Path("/sys/kernel/kheaders.tar.xz")
    if not archive.exists():
        try:
            subprocess.run(["modprobe", "-q", "kheaders"], capture_output=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
    return Headers("the running kernel's kheaders archive") if archive.exists() else None


@cache
def resolve() -> Headers:
    """The headers to compile with: those the person chose by BCC_KERNEL_SOURCE, the running kernel's build
    tree, its kheaders, or any installed ``linux-headers-*``. Raises UnsupportedError."""
    if chosen := os.environ.get("BCC_KERNEL_SOURCE"):
        return Headers(f"{chosen} (BCC_KERNEL_SOURCE)", Path(chosen))
    found = _build_tree(platform.release()) or _kheaders() or next(_installed(Path("/usr/src")), None)
    if not found:
        raise UnsupportedError(
            "no kernel headers, of this or any kernel, for bcc to compile with",
            where="/lib/modules, /sys/kernel and /usr/src",
            remedy="apt-get install linux-headers-$(uname -r), or any: linux-headers-amd64, -generic",
        )
    return found


def _tracing() -> Path | None:
    try:
        return next((tracing for tracing in _TRACING if (tracing / "events").is_dir()), None)
    except PermissionError as error:
        raise UnsupportedError(
            "only root may look into the tracing file system",
            where=str(error.filename),
            remedy="run as root (sudo)",
        ) from None


def ensure_tracefs() -> Path:
    """The folder of the kernel's tracing events, mounted if need be. Raises UnsupportedError."""
    said = []
    for kind, at in (("debugfs", "/sys/kernel/debug"), ("tracefs", "/sys/kernel/tracing")):
        if mounted := _tracing():
            return mounted
        done = subprocess.run(["mount", "-t", kind, kind, at], capture_output=True, text=True, check=False)
        said.append(done.stderr.strip() or f"{kind} has no tracing")
    if mounted := _tracing():
        return mounted
    raise UnsupportedError(
        f"no tracing file system: {'; '.join(said)}",
        where="/sys/kernel",
        remedy="as root: mount -t tracefs tracefs /sys/kernel/tracing; the kernel needs CONFIG_FTRACE",
    )
