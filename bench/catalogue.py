"""What there is to list: plans, targets, cases, probes, runs."""

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from bench.plan import built_in, load, schedule

Row = dict[str, Any]


def _plans(_store: str | None) -> list[Row]:
    found = []
    for name in built_in():
        plan = load(name)
        found.append(
            {
                "plan": name,
                "cells": len(schedule(plan)),
                "blocks": plan.blocks,
                "budget": f"{plan.budget_s:.0f} s",
                "summary": plan.summary,
            }
        )
    return found


def _targets(_store: str | None) -> list[Row]:
    from targets import TARGETS

    found = []
    for name, where in TARGETS.items():
        module, _, attribute = where.partition(":")
        found.append({"target": name, "summary": getattr(import_module(module), attribute).summary})
    return found


def _cases(_store: str | None) -> list[Row]:
    from workloads import CASES, case_kind

    kinds = [case_kind(name) for name in CASES]
    return [
        {
            "case": k.name,
            "parameters": list(k.params.model_fields),
            "probes": list(k.probes),
            "summary": k.summary,
        }
        for k in kinds
    ]


def _probes(_store: str | None) -> list[Row]:
    from probes import PROBES, make_probe

    return [{"probe": name, "summary": make_probe(name).summary} for name in PROBES]


def _runs(store: str | None) -> list[Row]:
    from bench.stored import opened

    with opened(store) as kept:
        return [
            {
                "run": run.run_id,
                "plan": run.plan_name,
                "state": str(run.state),
                "started": time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.started_s)),
                "cells": f"{len(list(kept.cells(run.run_id)))} of {run.cells_planned}",
                "commit": run.commit[:12],
                "changes": "uncommitted" if run.environment.get("git_dirty") else "",
            }
            for run in kept.runs()
        ]


SECTIONS: dict[str, Callable[[str | None], list[Row]]] = {
    "plans": _plans,
    "targets": _targets,
    "cases": _cases,
    "probes": _probes,
    "runs": _runs,
}


def rows(section: str, store: str | None) -> list[Row]:
    """The entries of one section, each a row of named columns."""
    return SECTIONS[section](store)


def parameters(kind: str) -> list[Row]:
    """What a kind of case takes: name, what it may be, default, meaning; from its pydantic model."""
    from workloads import case_kind

    schema = case_kind(kind).params.model_json_schema()
    return [
        {
            "parameter": name,
            "may be": _range(field),
            "default": _default(field),
            "meaning": field.get("description", ""),
        }
        for name, field in schema.get("properties", {}).items()
    ]


def _range(field: Row) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if field.get("type") == "array":
        return f"a list of {_range(field.get('items', {}))}"
    bounds = [
        str(field[key]) if key in field else ""
        for key in ("minimum", "exclusiveMaximum" if "exclusiveMaximum" in field else "maximum")
    ]
    kind = str(field.get("type", ""))
    return f"{kind} {'..'.join(bounds)}" if any(bounds) else kind


def _default(field: Row) -> str:
    default = field.get("default", "")
    return ", ".join(map(str, default)) if isinstance(default, (list, tuple)) else str(default)
