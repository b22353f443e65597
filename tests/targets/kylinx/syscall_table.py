"""The conformance suite, built and run, and docs/kylinx-syscalls.md made from what it declares.

``python -m tests.targets.kylinx.syscall_table`` writes the document."""

import fcntl
import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vocabulary.errors import TargetError

ROOT = Path(__file__).resolve().parents[3]
SUITE = Path(__file__).resolve().parent / "conformance"
PROGRAM = SUITE / "build" / "conformance"
DOCUMENT = ROOT / "docs" / "kylinx-syscalls.md"
LIBOS = ROOT / "targets" / "kylinx" / "libos"

# defined in the LibOS to answer in one fixed way: nothing to support, so nothing to claim
REFUSED = {
    "EPERM": "mount umount2 pivot_root swapon swapoff sethostname setdomainname",
    "EINVAL": "splice tee vmsplice seccomp pkey_free pkey_mprotect",
    "ENOSPC": "pkey_alloc",
    "EOPNOTSUPP": "setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr"
    " removexattr lremovexattr fremovexattr",
    "none (an empty list)": "listxattr llistxattr flistxattr",
}


@dataclass(frozen=True)
class Call:
    group: str
    name: str
    flags: str


@dataclass(frozen=True)
class Case:
    group: str
    call: str
    title: str


@dataclass(frozen=True)
class Verdict:
    case: Case
    ok: bool
    detail: str


def build() -> Path:
    """The suite's program. Raises TargetError with what the compiler said."""
    with (SUITE / "Makefile").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "-s", "-j2", "-C", str(SUITE)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise TargetError(
            "the conformance suite does not compile", where=str(SUITE), remedy=done.stderr[-2000:]
        )
    return PROGRAM


def _lines(option: str) -> Iterable[dict[str, str]]:
    out = subprocess.run([build(), option], capture_output=True, text=True, check=True).stdout
    return (json.loads(line) for line in out.splitlines())


def calls() -> list[Call]:
    return [Call(line["group"], line["call"], line["flags"]) for line in _lines("--calls")]


def cases() -> list[Case]:
    return [_case(line) for line in _lines("--list")]


def verdicts(out: str) -> list[Verdict]:
    """What a run printed, line by line; anything but verdicts raises ValueError."""
    lines = [json.loads(line) for line in out.splitlines()]
    return [Verdict(_case(line), line["verdict"] == "ok", line["detail"]) for line in lines]


def _case(line: dict[str, str]) -> Case:
    return Case(line["group"], line["call"], line["case"])


def served() -> set[str]:
    """Names of the calls the LibOS's sources define."""
    found: set[str] = set()
    for path in LIBOS.glob("*/*.c"):
        if path.parent.name != "hosted":
            found.update(re.findall(r"^long sys_(\w+)\(", path.read_text(), re.MULTILINE))
    return found - {"absent"}


def document() -> str:
    """The whole text of docs/kylinx-syscalls.md."""
    declared, by_call = calls(), _by_call(cases())
    text = [
        "# System calls of a KylinX pVM",
        "",
        "Made by `python -m tests.targets.kylinx.syscall_table` from what the conformance suite declares",
        f"(`tests/targets/kylinx/conformance/`): {len(declared)} calls,"
        f" {sum(len(titles) for titles in by_call.values())} cases. A test runs each case as a process",
        "and in a pVM; the verdicts must be the same. A call that is in no table here returns ENOSYS and is",
        "counted: `kxbench pvm stats` names it.",
        "",
    ]
    for group in dict.fromkeys(call.group for call in declared):
        text += [f"## {group}", "", "| call | supported | tests |", "|---|---|---|"]
        for call in (one for one in declared if one.group == group):
            titles = by_call.get((call.group, call.name), [])
            shown = "<br>".join(_cell(title) for title in titles)
            text.append(f"| `{call.name}` | {_cell(call.flags)} | {shown} |")
        text.append("")
        own = {call.name for call in declared if call.group == group}
        others = sorted({name for at, name in by_call if at == group} - own)
        for name in others:
            titles = by_call[group, name]
            text += [f"Also tested here, `{name}`:", "", *(f"- {title}" for title in titles), ""]
    text += ["## Refused in one fixed way", "", "| answer | calls |", "|---|---|"]
    for answer, names in REFUSED.items():
        text.append(f"| {answer} | {', '.join(f'`{name}`' for name in names.split())} |")
    return "\n".join(text) + "\n"


def _by_call(all_cases: list[Case]) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for case in all_cases:
        found.setdefault((case.group, case.call), []).append(case.title)
    return found


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    DOCUMENT.write_text(document())
