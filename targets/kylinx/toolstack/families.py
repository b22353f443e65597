"""The families of this host: each has a folder below /run/kxbench/pvm, and a keeper that holds its lock.

``control`` is the monitor's socket, ``console`` the keeper's, ``family.json`` what the keeper tells,
``tail`` the last of what the program printed, once it has ended."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from targets.kylinx.building import Build
from targets.kylinx.image.builder import ROOT
from targets.kylinx.toolstack import limits
from targets.kylinx.toolstack.control import Control
from targets.kylinx.toolstack.monitor import FamilyOptions, Share
from vocabulary.errors import HostError, TargetError, UsageError

RUN = Path("/run/kxbench/pvm")
STATE = "family.json"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,47}")
_KEEPER_READY_S = 60.0
_KEEPER_GONE_S = 40.0  # longer than its monitor may take to end


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a keeper is asked for; no ``program``: a family without a first one. ``arguments``: argv."""

    name: str
    options: FamilyOptions
    program: str = ""
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    tty: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, text: str) -> "Wanted":
        raw = json.loads(text)
        options = raw.pop("options")
        shares = tuple(Share(Path(s["host"]), s["guest"], s["writable"]) for s in options.pop("shares"))
        image, extra = Path(options.pop("image")), tuple(options.pop("extra"))
        build = Build(**{name: Path(path) for name, path in options.pop("build").items()})
        raw["arguments"] = tuple(raw["arguments"])
        made = FamilyOptions(image=image, shares=shares, extra=extra, build=build, **options)
        return cls(options=made, **raw)


@dataclass(frozen=True, slots=True)
class Family:
    """A family by its folder; it may have ended, or its keeper may have been killed."""

    name: str

    @property
    def folder(self) -> Path:
        return RUN / self.name

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def console(self) -> Path:
        return self.folder / "console"

    @property
    def tail(self) -> Path:
        return self.folder / "tail"

    def state(self) -> dict[str, Any]:
        """What its keeper wrote last; a family whose keeper is gone without a word is ``lost``."""
        try:
            state: dict[str, Any] = json.loads((self.folder / STATE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            state = {"state": "starting"}
        if state.get("state") in ("running", "starting") and not self.is_kept():
            state["state"] = "lost"
        return state | {"name": self.name}

    def is_kept(self) -> bool:
        """Whether its keeper lives: it holds the lock as long as it does."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def connect(self) -> Control:
        """To its monitor. Raises TargetError when it does not run any more."""
        state = self.state()
        if state["state"] != "running":
            raise TargetError(
                f"the family is not running ({state['state']})",
                where=self.name,
                remedy=f"how it ended: kxbench pvm console {self.name}; forget it: pvm destroy {self.name}",
            )
        return Control.connect(self.control, f"family {self.name}")


def check_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"not a name for a family: {name!r}", remedy="letters, digits, '_', '.' and '-'; at most 48"
        )
    return name


def _check_readable() -> None:
    if RUN.is_dir() and not os.access(RUN, os.R_OK | os.X_OK):
        raise HostError("families of pVMs are root's", where=str(RUN), remedy="run as root")


def families() -> list[Family]:
    """All that have a folder, by name."""
    _check_readable()
    if not RUN.is_dir():
        return []
    return [Family(path.name) for path in sorted(RUN.iterdir()) if path.is_dir()]


def family(name: str) -> Family:
    """Raises UsageError when there is none of this name."""
    found = Family(check_name(name))
    _check_readable()
    if not found.folder.is_dir():
        known = ", ".join(one.name for one in families())
        raise UsageError(
            f"there is no family {name!r}", remedy=f"there are: {known}" if known else "kxbench pvm create"
        )
    return found


def unused_name(base: str) -> str:
    """``base``, or with a number behind it."""
    base = re.sub(r"[^A-Za-z0-9_.-]", "-", base)[:40].lstrip(".-") or "pvm"
    taken = {one.name for one in families()}
    return next(name for name in (base, *(f"{base}-{n}" for n in range(2, 1 << 20))) if name not in taken)


def create(wanted: Wanted) -> Family:
    """Start a keeper, which starts the family; returns when its program runs. Raises KxbenchError."""
    made = Family(check_name(wanted.name))
    try:
        RUN.mkdir(parents=True, exist_ok=True)
        RUN.chmod(0o700)
        made.folder.mkdir(mode=0o700)
    except FileExistsError:
        raise UsageError(
            f"there is a family {wanted.name!r} already",
            remedy=f"another name, or kxbench pvm destroy {wanted.name}",
        ) from None
    except OSError as error:
        raise HostError(
            f"cannot be made: {error.strerror}", where=str(made.folder), remedy="run as root"
        ) from error
    ours, theirs = os.pipe2(os.O_CLOEXEC)
    try:
        keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", "targets.kylinx.toolstack.keeper", str(theirs)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd="/",
            pass_fds=(theirs,),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(theirs)
        assert keeper.stdin is not None
        keeper.stdin.write(wanted.to_json().encode())
        keeper.stdin.close()
        with os.fdopen(ours, "rb") as answers:
            answer = answers.read()
    except BaseException:
        shutil.rmtree(made.folder, ignore_errors=True)
        raise
    if answer != b"ready\n":
        keeper.wait(_KEEPER_READY_S)
        shutil.rmtree(made.folder, ignore_errors=True)
        what, _, remedy = answer.decode("utf-8", "replace").rpartition("\n")
        raise TargetError(what or "its keeper died", where=f"family {wanted.name}", remedy=remedy)
    keeper.returncode = 0  # it goes on without us: no warning that it has not been waited for
    return made


def destroy(one: Family) -> None:
    """End the family if it lives, and forget it. Raises HostError when it does not go."""
    if one.is_kept():
        try:
            with Control.connect(one.control) as control:
                control.destroy()
        except TargetError:
            pass
        deadline = time.monotonic() + _KEEPER_GONE_S
        while one.is_kept():
            if time.monotonic() > deadline:
                raise HostError(
                    "its keeper does not end", where=one.name, remedy=f"kill {one.state().get('keeper')}"
                )
            time.sleep(0.005)
    limits.existing(one.name).remove()
    shutil.rmtree(one.folder, ignore_errors=True)


def lost() -> list[Family]:
    """Families whose keeper was killed: what they left can be removed by `destroy`."""
    return [one for one in families() if one.state()["state"] == "lost"]


def stray_groups() -> list[str]:
    """Names of control groups with nobody in them that no family and no running `pvm run` owns."""
    known = {one.name for one in families()}
    found = []
    for name in limits.names():
        runner = name.removeprefix("run-")
        alive = name in known or (runner.isdigit() and Path("/proc", runner).exists())
        if not alive and not limits.existing(name).pids():
            found.append(name)
    return found
