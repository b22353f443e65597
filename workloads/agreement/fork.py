"""fork, exit and wait: as the suite's ``fork`` program measures them, and by a bare loop in C."""

import subprocess
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from vocabulary import (
    Better,
    Capability,
    CaseContext,
    Clock,
    Deployment,
    Metric,
    Samples,
    Source,
    TargetError,
    UnsupportedError,
)
from workloads import case_kind
from workloads.agreement.rounds import interleaved, ratio
from workloads.services.params import Params

_LIMIT_S = 60.0


class AgreementFork(Params):
    rounds: int = Field(5, ge=1, le=1000, description="interleaved rounds")
    forks: int = Field(500, ge=10, le=100_000, description="forks a round, each way")


def _time(name: str, summary: str) -> Metric:
    return Metric(name, "ns", Clock.MONOTONIC, Better.LOWER, summary)


SUITE = _time("suite", "'total' of the case fork[dirty_mib=0]")
ALONE = _time("alone", "workloads/micro/bare_fork.c as a plain subprocess")


@dataclass(frozen=True, slots=True)
class AgreementForkCase:
    name: str = "agreement_fork"
    summary: str = "fork, exit and wait by the suite and by a bare loop in C: interleaved"
    params: type[BaseModel] = AgreementFork
    needs: frozenset[Capability] = frozenset({Capability.MICRO})
    probes: tuple[str, ...] = ()

    def missing(self) -> str:
        return case_kind("fork").missing()

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Raises TargetError; UnsupportedError on a target whose fork is not the host's own."""
        assert isinstance(params, AgreementFork)
        if deployment.target.partition("@")[0] != "process":
            raise UnsupportedError("only the process target forks as a program alone does")
        fork = case_kind("fork")
        # nothing to dirty and nothing written between forks: what the bare loop does
        given = {"dirty_mib": 0, "redirty": "none", "iterations": params.forks + 1, "budget_ms": 0}
        asked = fork.params.model_validate(given)
        quiet = replace(context, observed=lambda endpoint: nullcontext(), progress=lambda what: None)

        def suite() -> NDArray[np.float64]:
            samples = fork.run(asked, deployment, quiet)
            return next(s.values for s in samples if s.metric.name == "total")

        context.progress(f"{self.name}: {params.rounds} rounds")
        ways = {"suite": suite, "alone": lambda: _bare_fork(params.forks)}
        with context.observed(None):
            found = interleaved(params.rounds, ways, context.seed)
        return [
            Samples(SUITE, Source.PROGRAM, np.concatenate(found["suite"])),
            Samples(ALONE, Source.NATIVE, np.concatenate(found["alone"])),
            ratio("suite_to_alone", found["suite"], found["alone"]),
        ]


def _bare_fork(count: int) -> NDArray[np.float64]:
    from workloads.micro import build
    from workloads.micro.building import BUILD

    build()
    program = BUILD / "bare_fork"
    try:
        done = subprocess.run(
            [program, str(count)], capture_output=True, text=True, timeout=_LIMIT_S, check=True
        )
        values = np.array([float(line) for line in done.stdout.split()])
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise TargetError(f"bare_fork: {error}", where=str(program)) from error
    if values.size != count:
        raise TargetError(f"bare_fork: {values.size} figures, not {count}", where=str(program))
    return values


AGREEMENT_FORK = AgreementForkCase()
