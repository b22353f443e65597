"""Running a micro program as a person would, and what it printed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vocabulary import Samples
from workloads.micro.building import BUILD
from workloads.micro.libraries import make_libraries, make_versions
from workloads.protocol import parse

IPC_WAYS = ("pipe", "sysv_mq", "posix_mq", "kill", "sysv_shm", "posix_shm")
SIZED_WAYS = tuple(way for way in IPC_WAYS if way != "kill")
PRIME = 23


@dataclass(frozen=True)
class Ran:
    code: int
    stdout: str
    stderr: str


def options_needed(program: str) -> list[str]:
    """What a program cannot do without: its libraries, its command."""
    if program == "dlopen":
        return [f"--directory={make_libraries(2, 64)}", "--libraries=2"]
    if program == "update":
        first, second = make_versions(64)
        return [f"--library-v1={first}", f"--library-v2={second}"]
    if program == "create":
        return [f"--command={BUILD / 'tiny-dynamic'}\x1f1"]
    return []


def run(program: str, *args: object, folder: Path = BUILD, timeout_s: float = 60) -> Ran:
    command = [str(folder / program), *options_needed(program), *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    return Ran(done.returncode, done.stdout, done.stderr)


def measure(program: str, *args: object, folder: Path = BUILD) -> dict[str, Samples]:
    """Its Samples by series without the source: ``write{pattern=dense,side=child}``."""
    ran = run(program, *args, folder=folder)
    assert ran.code == 0, ran.stderr
    return {samples.series.removesuffix("@program"): samples for samples in parse(ran.stdout, program)}


def values(found: dict[str, Samples], series: str) -> NDArray[np.float64]:
    return found[series].values
