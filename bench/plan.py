"""Plans: what to measure, read from TOML, and the cells they expand to."""

import itertools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bench.gate.settings import GateSettings
from vocabulary import CaseKind, UsageError, case_id

BUILT_IN = Path(__file__).parent / "plans"
LONGEST_S = 7 * 86400

Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9@_.-]*$")]


class Case(BaseModel):
    """One entry of ``[[cases]]``: a kind with fixed ``params``, crossed over every value of ``grid``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Name
    params: dict[str, Any] = {}
    grid: dict[str, Annotated[list[Any], Field(min_length=1, max_length=64)]] = {}
    probes: tuple[tuple[Name, ...], ...] = Field(
        (), description="probes the case also runs with: a list, or several lists, each in cells of its own"
    )
    targets: tuple[Name, ...] = Field((), description="only on these of the plan's targets; empty means all")

    @field_validator("probes", mode="before")
    @classmethod
    def _sets(cls, given: object) -> object:
        """``["fork"]`` is short for ``[["fork"]]``."""
        flat = isinstance(given, (list, tuple)) and given and all(isinstance(name, str) for name in given)
        return [given] if flat else given

    @model_validator(mode="after")
    def _once(self) -> Self:
        if both := set(self.params) & set(self.grid):
            raise ValueError(f"{sorted(both)} stands in both params and grid: keep one")
        return self


class Plan(BaseModel):
    """A whole plan. ``budget_s`` bounds the run: no block is begun that is not expected to end within it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    summary: str = ""
    targets: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16)]
    blocks: Annotated[int, Field(ge=1, le=1000)] = 5
    warmup: Annotated[int, Field(ge=0, le=10, description="blocks run and kept, but not judged")] = 0
    retries: Annotated[int, Field(ge=0, le=5, description="more tries of a cell that ended noisy")] = 0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 1
    budget_s: Annotated[float, Field(gt=0, le=LONGEST_S)] = 3600
    cell_limit_s: Annotated[float, Field(gt=0, le=86400, description="a cell that lasts longer fails")] = 120
    gate: Annotated[GateSettings, Field(description="how the regression gate judges it")] = GateSettings()
    cases: Annotated[tuple[Case, ...], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.targets)) != len(self.targets):
            raise ValueError(
                "a target is named twice; call the second one NAME@again to compare it with itself"
            )
        return self


@dataclass(frozen=True, slots=True)
class Cell:
    """What is to be run at one place of the order. ``block`` is negative for warm-up."""

    index: int
    block: int
    target: str
    case: str
    kind: str
    params: Mapping[str, Any]
    probes: tuple[str, ...]


def built_in() -> dict[str, Path]:
    """Names and files of the plans that come with the suite."""
    return {path.stem: path for path in sorted(BUILT_IN.glob("*.toml"))}


def load(name_or_path: str) -> Plan:
    """A built-in plan by name, or one from a file. Raises UsageError naming file, key and remedy."""
    known = built_in()
    path = known.get(name_or_path) or Path(name_or_path)
    if name_or_path not in known and not path.is_file():
        near = get_close_matches(name_or_path, known, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"no plan named {name_or_path!r} and no such file",
            remedy=f"{hint}built-in plans: {', '.join(known)}; or the path of a TOML file (docs/plans.md)",
        )
    try:
        return parse(tomllib.loads(path.read_text(encoding="utf-8")), where=str(path))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(path), remedy="mend that line") from error
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="check the path"
        ) from error


def parse(data: Mapping[str, Any], where: str) -> Plan:
    """Raises UsageError that names every wrong key."""
    try:
        return Plan.model_validate(data)
    except ValidationError as error:
        raise UsageError(
            explain(error), where=where, remedy="see docs/plans.md for every key and its limits"
        ) from error


_SAID = {
    "extra_forbidden": "no such key",
    "missing": "is missing",
    "tuple_type": "should be a list (or one value)",
    "list_type": "should be a list",
    "dict_type": "should be a table, { key = value }",
    "model_type": "should be a table, { key = value }",
}
"""Pydantic's words where people would use others."""


def explain(error: ValidationError, known: Sequence[str] = ()) -> str:
    """Pydantic's findings: key, what is wrong, what was given; of ``known`` keys the one that was meant."""
    lines = []
    for item in error.errors(include_url=False):
        key = ".".join(str(part) for part in item["loc"]) or "the plan"
        said = _SAID.get(item["type"]) or item["msg"].removeprefix("Value error, ").removeprefix("Input ")
        near = (
            get_close_matches(str(item["loc"][-1]), known, n=1) if item["type"] == "extra_forbidden" else []
        )
        hint = f", did you mean {near[0]}?" if near else ""
        given = "" if item["type"] in {"missing", "value_error"} else f" (got {str(item['input'])[:60]!r})"
        lines.append(f"{key}: {said}{hint}{given}")
    return "; ".join(lines)


def check_params(kind: CaseKind, params: Mapping[str, Any], where: str) -> BaseModel:
    """The case kind's own reading of ``params``. Raises UsageError naming key and limits."""
    try:
        return kind.params.model_validate(params)
    except ValidationError as error:
        known = ", ".join(kind.params.model_fields) or "none"
        raise UsageError(
            f"case {kind.name}: {explain(error, list(kind.params.model_fields))}",
            where=where,
            remedy=f"{kind.name} takes: {known}; `kxbench list {kind.name}` explains them",
        ) from error


def variants(case: Case) -> list[dict[str, Any]]:
    """The parameter sets of a case, the grid's last key varying fastest."""
    keys = list(case.grid)
    return [
        {**case.params, **dict(zip(keys, values, strict=True))}
        for values in itertools.product(*case.grid.values())
    ]


def targets_of(plan: Plan, case: Case) -> list[str]:
    """Those of the plan's targets that a case runs on."""
    return [
        t for t in plan.targets if not case.targets or t in case.targets or t.split("@")[0] in case.targets
    ]


def cells_of_block(plan: Plan) -> list[tuple[str, str, str, dict[str, Any], tuple[str, ...]]]:
    """Every (target, case, kind, params, probes) of a block in the plan's own order."""
    cells = []
    for case in plan.cases:
        for params, target in itertools.product(variants(case), targets_of(plan, case)):
            for probes in ((), *case.probes):
                cells.append((target, case_id(case.kind, params), case.kind, params, probes))  # noqa: PERF401
    return cells


def schedule(plan: Plan) -> list[Cell]:
    """Randomised complete blocks: each block holds every cell once, shuffled by (seed, block)."""
    cells = cells_of_block(plan)
    ordered: list[Cell] = []
    for block in range(-plan.warmup, plan.blocks):
        shuffle = np.random.default_rng([plan.seed, block + plan.warmup]).permutation(len(cells))
        ordered += [Cell(len(ordered) + i, block, *cells[int(j)]) for i, j in enumerate(shuffle)]
    return ordered


def adapt(
    plan: Plan,
    *,
    targets: Sequence[str] = (),
    only: Sequence[str] = (),
    blocks: int | None = None,
    seed: int | None = None,
    no_probes: bool = False,
) -> Plan:
    """The plan with the command line's wishes; its budget grows with the cells they add (targets, blocks).

    Raises UsageError for a case the plan lacks, a target named twice, a number out of range."""
    changed: dict[str, Any] = plan.model_dump(mode="json")
    changed |= {key: value for key, value in (("blocks", blocks), ("seed", seed)) if value is not None}
    if targets:
        changed["targets"] = list(targets)
    asked = parse(changed, where="command line")
    more = len(cells_of_block(asked)) * asked.blocks / (len(cells_of_block(plan)) * plan.blocks)
    changed["budget_s"] = min(plan.budget_s * max(more, 1), LONGEST_S)
    _demand_kinds(plan, only)
    changed["cases"] = [case for case in changed["cases"] if not only or case["kind"] in only]
    if no_probes:
        changed["cases"] = [{**case, "probes": []} for case in changed["cases"]]
    return parse(changed, where="command line")


def _demand_kinds(plan: Plan, only: Sequence[str]) -> None:
    kinds = {case.kind for case in plan.cases}
    for word in only:
        if word not in kinds:
            near = get_close_matches(word, kinds, n=1)
            raise UsageError(
                f"--only {word}: plan {plan.name} has no such case",
                remedy=(f"did you mean {near[0]}? " if near else "") + f"it has: {', '.join(sorted(kinds))}",
            )


def validate(plan: Plan, where: str, case_kind: Callable[[str], CaseKind], probes: Mapping[str, str]) -> None:
    """Check kinds, their parameters, probes and duplicates against what exists. Raises UsageError."""
    seen: set[tuple[str, str]] = set()
    for number, case in enumerate(plan.cases):
        place = f"{where}: cases.{number}"
        try:
            kind = case_kind(case.kind)
        except UsageError as error:
            raise UsageError(error.what, where=place, remedy=error.remedy) from error
        for name in itertools.chain(*case.probes):
            if name not in probes:
                raise UsageError(
                    f"unknown probe {name!r}", where=place, remedy=f"probes: {', '.join(probes)}"
                )
            if name not in kind.probes:
                fitting = f"probes that do: {', '.join(kind.probes)}" if kind.probes else "it has no probes"
                raise UsageError(f"probe {name} says nothing of {kind.name}", where=place, remedy=fitting)
        for params in variants(case):
            check_params(kind, params, place)
            identity = case_id(case.kind, params)
            cells = {(identity, target) for target in targets_of(plan, case)}
            if cells & seen:
                raise UsageError(
                    f"{identity} stands in the plan twice",
                    where=place,
                    remedy="remove one of the two, or give each targets of its own",
                )
            seen |= cells
