"""What a process costs, one program each: ``MICRO_CASES`` are the case kinds, ``programs()`` the binaries."""

from workloads.micro.building import build, programs
from workloads.micro.cases import MICRO_CASES, MicroCase

__all__ = ["MICRO_CASES", "MicroCase", "build", "programs"]
