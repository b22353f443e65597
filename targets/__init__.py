"""The systems that are measured. A new one is a folder here and a line in ``TARGETS``."""

import re
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, cast

from vocabulary.errors import UsageError
from vocabulary.protocols import Target

if TYPE_CHECKING:
    from targets.lab import Lab

TARGETS: dict[str, str] = {
    "process": "targets.process:ProcessTarget",
    "kylinx": "targets.kylinx:KylinxTarget",
    "kylinx-vm": "targets.kylinx:KylinxVmTarget",
    "microkernel": "targets.microkernel:MicrokernelTarget",
}
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,32}")


def check_name(name: str) -> str:
    """The key in ``TARGETS`` that ``name`` (``process``, ``process@again``) is of. Raises UsageError."""
    base, at, label = name.partition("@")
    if base not in TARGETS:
        near = get_close_matches(base, TARGETS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"unknown target {name!r}", remedy=f"{hint}known targets: {', '.join(sorted(TARGETS))}"
        )
    if at and not _LABEL.fullmatch(label):
        raise UsageError(
            f"not a label in the target's name: {label!r}",
            where=name,
            remedy=f"write {base}@ and letters, digits, '_', '.' or '-', as in {base}@again",
        )
    return base


def make_target(name: str, lab: "Lab") -> Target:
    """The target called ``name``, imported only now. Raises UsageError.

    ``process@label`` is a second instance of ``process``, known by the whole name: an A/A comparison has
    the targets ``process`` and ``process@again``. A class in ``TARGETS`` is called with (lab, name=name)."""
    module, _, attribute = TARGETS[check_name(name)].partition(":")
    return cast(Target, getattr(import_module(module), attribute)(lab, name=name))
