"""The systems that are measured. A new one is a folder here and a line in ``TARGETS``."""

import re
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, cast

from vocabulary.errors import UsageError
from vocabulary.measure import commit_in
from vocabulary.protocols import Target

if TYPE_CHECKING:
    from targets.lab import Lab

TARGETS: dict[str, str] = {
    "process": "targets.process:ProcessTarget",
    "kylinx": "targets.kylinx:KylinxTarget",
    "kylinx-vm": "targets.kylinx:KylinxVmTarget",
    "microkernel": "targets.microkernel:MicrokernelTarget",
}
OF_COMMITS = frozenset({"kylinx", "kylinx-vm"})
"""Those that can be deployed with the code of a commit: ``kylinx@0123456789ab``."""
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_DIGITS = 12  # of a commit in a target's name


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
    if base in OF_COMMITS and re.fullmatch("[0-9a-f]{4,6}", label):
        raise UsageError(
            f"{label} is too short for a commit", where=name, remedy="seven digits or more; or another label"
        )
    if commit_in(name) and base not in OF_COMMITS:
        raise UsageError(
            f"{base} cannot be deployed with the code of commit {label}",
            where=name,
            remedy=f"these can: {', '.join(sorted(OF_COMMITS))}; a label that is no commit: {base}@again",
        )
    return base


def at_commit(name: str, commit: str) -> str:
    """The name of the same target with the code of ``commit`` (40 digits)."""
    return f"{name.partition('@')[0]}@{commit[:_DIGITS]}"


def make_target(name: str, lab: "Lab") -> Target:
    """The target called ``name``, imported only now. Raises UsageError.

    ``process@label`` is a second instance of ``process``, known by the whole name: an A/A comparison has
    the targets ``process`` and ``process@again``. ``kylinx@0123456789ab`` is kylinx with the code of that
    commit. A class in ``TARGETS`` is called with (lab, name=name)."""
    module, _, attribute = TARGETS[check_name(name)].partition(":")
    return cast(Target, getattr(import_module(module), attribute)(lab, name=name))
