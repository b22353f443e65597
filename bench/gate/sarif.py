"""A gate's report as SARIF 2.1.0, for code scanning: one result a metric that is not as it was.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html. A slowdown has no line of code; a result
lies where the plan is that measured it, as readers want a file, and its logical location is the series."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.gate.report import Finding, GateReport, Judged
from bench.gate.telling import against, headline
from bench.plan import built_in

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_RULES = {
    "regression": ("error", "A metric is worse than the baseline's, beyond chance and its threshold."),
    "target-failed": ("error", "A target did not run a case, so that nothing can be said of it."),
    "inconclusive": ("warning", "It cannot be told whether a metric is worse."),
    "missing": ("warning", "The baseline has a metric that the run was to measure and did not."),
    "improved": ("note", "A metric is better than the baseline's: the baseline may be set anew."),
}


def sarif(report: GateReport) -> str:
    rules = list(_RULES)
    results = [
        {
            "ruleId": rule,
            "ruleIndex": rules.index(rule),
            "level": _RULES[rule][0],
            "kind": "informational" if rule == "improved" else "fail",
            "message": {"text": text},
            "locations": [_location(report, name)],
            "partialFingerprints": {
                "kxbenchSeries/v1": hashlib.sha256(f"{rule} {name}".encode()).hexdigest()
            },
            **({"properties": properties} if properties else {}),
        }
        for rule, name, text, properties in _found(report)
    ]
    for one in results:
        if one["kind"] == "informational":
            one["level"] = "none"  # section 3.27.10: of a result that is not a failure
    run = {
        "tool": {
            "driver": {
                "name": "kxbench gate",
                "rules": [
                    {"id": rule, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
                    for rule, (level, text) in _RULES.items()
                ],
            }
        },
        "invocations": [{"executionSuccessful": not report.failed, "exitCode": report.exit_code}],
        "automationDetails": {"id": f"kxbench/gate/{report.plan}/{report.run}"},
        "properties": {
            "decision": str(report.decision),
            "summary": headline(report),
            "baseline": against(report),
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    told = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(told, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def _found(report: GateReport) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Rule, series, message, properties."""
    rules = {
        Finding.REGRESSION: "regression",
        Finding.INCONCLUSIVE: "inconclusive",
        Finding.IMPROVED: "improved",
    }
    for judged in report.metrics:
        if judged.finding in rules:
            yield rules[judged.finding], judged.name, f"{judged.name}: {judged.why}", _properties(judged)
    for cell in report.failed:
        name = f"{cell.target} {cell.case}"
        yield "target-failed", name, f"{name}, block {cell.block + 1}: {cell.reason}", {}
    for name in report.missing:
        yield "missing", name, f"{name}: the baseline has it, this run does not", {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _properties(judged: Judged) -> dict[str, Any]:
    numbers = {name: getattr(judged, name) for name in ("ratio", "low", "high", "p_adjusted", "threshold")}
    return {name: value for name, value in numbers.items() if abs(value) < float("inf")}


def _location(report: GateReport, name: str) -> dict[str, Any]:
    plan = built_in().get(report.plan.removesuffix("-again"))
    uri = plan.relative_to(ROOT).as_posix() if plan else "bench/plans"
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": uri, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 1},
        },
        "logicalLocations": [{"fullyQualifiedName": name, "kind": "member"}],
    }
