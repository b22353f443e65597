"""The options of ``kxbench pvm``: what they are called, and the family that they ask for."""

import os
import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vocabulary import HostError, UsageError

if TYPE_CHECKING:
    from targets.kylinx.toolstack.monitor import FamilyOptions, Share

ImageOption = Annotated[
    Path | None,
    typer.Option("--image", help="An image file; default: one made of this host's program, and kept."),
]
WithOption = Annotated[
    list[str] | None, typer.Option("--with", help="A further program to have in the image; again for more.")
]
AddOption = Annotated[
    list[Path] | None, typer.Option("--add", help="A file or directory to have in the image; again for more.")
]
MemoryOption = Annotated[
    str,
    typer.Option(
        "--memory",
        help="Memory of the family: bytes, or with K, M, G; 16M at least, default: half of this host's.",
        metavar="SIZE",
    ),
]
PvmsOption = Annotated[int | None, typer.Option("--pvms", help="The most pVMs alive at once; default 1000.")]
CpusOption = Annotated[
    int | None, typer.Option("--cpus", help="How many CPUs' time it may use; default: all.")
]
ShareOption = Annotated[
    list[str] | None,
    typer.Option(
        "--share", help="A host directory to share: HOST[:GUEST][:rw]; read-only unless rw.", metavar="DIR"
    ),
]
EnvOption = Annotated[
    list[str] | None, typer.Option("--env", help="NAME=VALUE for the program.", metavar="K=V")
]
CwdOption = Annotated[
    str, typer.Option("--cwd", help="Its working directory, in the guest: a path in the image or a share.")
]
TtyOption = Annotated[
    bool | None, typer.Option("--tty/--no-tty", help="Whether it has a terminal; default: when this is one.")
]
HostnameOption = Annotated[
    str, typer.Option("--hostname", help="What uname says in the family; default: kylinx.")
]
VmPerPvmOption = Annotated[
    bool, typer.Option("--vm-per-pvm", help="Each pVM in a KVM VM of its own; default: one for all.")
]

_LEAST_MEMORY, _MOST_MEMORY = 16 << 20, 1 << 46  # the monitor's own limits (monitor/options.c)
_LONGEST_HOSTNAME = 64  # uname(2)


def family_options(
    program: str,
    image: Path | None,
    with_: list[str] | None,
    add: list[Path] | None,
    memory: str,
    pvms: int | None,
    cpus: int | None,
    share: list[str] | None,
    hostname: str,
    cwd: str,
    vm_per_pvm: bool,
) -> tuple["FamilyOptions", str]:
    """The family's options and the first program's path in the guest ("" for none). Raises KxbenchError for
    what can be seen to be wrong before the family is made."""
    from targets.kylinx import abi, building, host
    from targets.kylinx.image import Request, cached_image, find_program
    from targets.kylinx.toolstack.monitor import FamilyOptions
    from targets.kylinx.toolstack.programs import find_in_image
    from targets.kylinx.toolstack.starting import check_start

    bytes_ = _memory(memory)
    _check_numbers(pvms, cpus)
    _check_hostname(hostname)
    shares = tuple(map(_share, share or []))
    if len(shares) > abi.KX_MAX_SHARES:
        raise UsageError(
            f"--share: {len(shares)} directories, {abi.KX_MAX_SHARES} at most", remedy="share one above them"
        )
    if image is not None and (with_ or add):
        raise UsageError("--with and --add are for an image that is made now", remedy="leave out --image")
    if why := host.missing():
        what, _, remedy = why.partition("; ")
        raise HostError(what, remedy=remedy)
    building.build()
    if image is None:
        programs = ([program] if program else []) + (with_ or [])
        file = cached_image(Request(tuple(programs), tuple(add or ()))).path
        path = str(find_program(program)) if program else ""
    else:
        file = image.absolute()
        path = find_in_image(file, program) if program else ""
    options = FamilyOptions(file, bytes_, pvms, cpus, hostname, shares, vm_per_pvm=vm_per_pvm)
    check_start(options, path, cwd)
    return options, path


def _check_numbers(pvms: int | None, cpus: int | None) -> None:
    from targets.kylinx import abi

    most = abi.KX_MAX_SLOTS - 64  # the rest is the pool's
    if pvms is not None and not 1 <= pvms <= most:
        raise UsageError(f"--pvms {pvms}: a family has 1 to {most}", remedy="leave it out for 1000")
    if cpus is not None and not 1 <= cpus <= 1024:
        raise UsageError(
            f"--cpus {cpus}: not a number of CPUs", remedy="give 1 to 1024, or leave it out for all"
        )


def _check_hostname(hostname: str) -> None:
    if len(hostname.encode()) > _LONGEST_HOSTNAME:
        raise UsageError(
            f"--hostname: {len(hostname)} characters", remedy=f"uname has room for {_LONGEST_HOSTNAME} bytes"
        )


def _share(text: str) -> "Share":
    from targets.kylinx.toolstack.monitor import Share

    words = text.split(":")
    writable = len(words) > 1 and words[-1] in ("rw", "ro") and words.pop() == "rw"
    if not words[0] or len(words) > 2:
        raise UsageError(f"--share {text!r}: not a directory to share", remedy="give HOST[:GUEST][:rw]")
    host = Path(words[0]).absolute()
    guest = words[1] if len(words) > 1 else str(host)
    if not host.is_dir():
        what = "not a directory" if host.exists() else "there is no such directory"
        raise UsageError(
            f"--share {words[0]}: {what}", remedy="share a directory; --add takes single files into the image"
        )
    if not guest.startswith("/") or posixpath.normpath(guest).strip("/") == "":
        raise UsageError(
            f"--share {text}: {guest} is no place for it in the guest",
            remedy="give an absolute path other than /, as in HOST:/mnt",
        )
    return Share(host, guest, writable)


def _memory(text: str) -> int | None:
    if not text:
        return None
    found = re.fullmatch(r"(\d+)([KMG]?)i?B?", text, re.IGNORECASE)
    if not found:
        raise UsageError(f"--memory {text!r}: not a size", remedy="as in 512M or 2G")
    size = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2].upper()]
    if not _LEAST_MEMORY <= size <= _MOST_MEMORY:
        raise UsageError(
            f"--memory {text}: too {'little' if size < _LEAST_MEMORY else 'much'} for a family",
            remedy=f"give at least {_LEAST_MEMORY >> 20}M, or leave it out for half of this host's",
        )
    return size


def environment(env: list[str] | None) -> dict[str, str]:
    """The guest's own, TERM, and what is asked for. Raises UsageError."""
    from targets.kylinx.toolstack.programs import ENVIRONMENT

    made = dict(ENVIRONMENT)
    if "TERM" in os.environ:
        made["TERM"] = os.environ["TERM"]
    for pair in env or []:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise UsageError(f"--env {pair!r}: no variable", remedy="give NAME=VALUE")
        made[name] = value
    return made
