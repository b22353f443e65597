"""Running one program in a family to its end: where it is, what it is given, how it ended."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from targets.kylinx.image import ImageReader
from targets.kylinx.toolstack.control import Control, Program
from targets.kylinx.toolstack.faults import Fault
from targets.kylinx.toolstack.starting import check_whole, refusal
from vocabulary.errors import TargetError, UsageError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "LANG": "C.UTF-8"}
EXIT_TROUBLE = 125  # of `pvm run` and `pvm exec` when the program could not be started or followed


@dataclass(frozen=True, slots=True)
class Ending:
    """``status`` as wait(2) gives it; ``faults`` of it and its descendants."""

    status: int
    faults: tuple[Fault, ...] = ()

    @property
    def exit_code(self) -> int:
        """As a shell tells it: 128 and the signal's number for one that was killed."""
        if os.WIFSIGNALED(self.status):
            return 128 + os.WTERMSIG(self.status)
        return os.WEXITSTATUS(self.status)


def find_in_image(image: Path, name: str) -> str:
    """A program's path in the guest: as given if it has a slash, else searched for. Raises UsageError, and
    TargetError for an image that is damaged."""
    if "/" in name:
        return name
    paths = {entry.path for entry in ImageReader(image).entries()}
    for directory in PATH.split(":"):
        if f"{directory}/{name}" in paths:
            return f"{directory}/{name}"
    check_whole(image)
    raise UsageError(
        f"the family's image has no program {name!r}",
        where=image.name,
        remedy=f"take it in when the family is made (--with {name}) or its image is built",
    )


def run_program(
    control: Control,
    program: Program,
    descriptors: Sequence[int] = (),
    *,
    on_fault: Callable[[Fault], None] | None = None,
    on_log: Callable[[str], None] | None = None,
) -> Ending:
    """Spawn and follow it to its end. Raises TargetError when it cannot be started or the family dies."""
    started = control.spawn(program, descriptors)
    faults: list[Fault] = []
    while True:
        event = control.event()
        if event is None:
            continue
        kind = event.get("event")
        if kind == "panic":
            raise TargetError(f"the family's LibOS gave up: {event.get('text', '')}", where=control.where)
        if event.get("id") != started["id"]:
            continue
        if kind == "fault":
            faults.append(Fault.of(event))
            if on_fault:
                on_fault(faults[-1])
        elif kind == "log" and on_log:
            on_log(str(event.get("text", "")))
        elif kind == "exit":
            ending = Ending(int(event["status"]), tuple(faults))
            if why := refusal(control, started.get("slot"), program, ending.exit_code):
                raise why
            return ending
