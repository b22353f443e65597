"""The API against its own description, and its figures against the store's."""

import math
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from results.dashboard.app import create_app
from results.dashboard.guard import Access
from results.dashboard.source import Source
from results.judgements import judgement_of
from tests.results.dashboard.made import BEFORE, LATEST, TOKEN, Client

CHECKS = [
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
    content_type_conformance,
]
OPERATIONS = 19  # so that none is forgotten by the loop below


def test_every_operation_does_as_it_is_described(source: Source) -> None:
    """What is right gets an answer of the form described, what is wrong a refusal of that form."""
    app = create_app(source, Access(TOKEN, uploads=True))
    client = Client(app)
    described = schemathesis.openapi.from_dict(app.openapi())
    operations = [found.ok() for found in described.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) == OPERATIONS
    for operation in operations:
        for mode in GenerationMode:

            @settings(max_examples=12, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def behaves(case: schemathesis.Case[Any]) -> None:
                _behaves(client, case)

            try:
                behaves()
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # an operation without parameters takes no wrong ones


def _behaves(client: Client, case: schemathesis.Case[Any]) -> None:
    made = case.as_transport_kwargs(base_url="http://127.0.0.1:8642")
    passed = {key: made[key] for key in ("json", "content", "data", "params") if made.get(key) is not None}
    if "data" in passed:
        passed["content"] = passed.pop("data")
    answer = client.request(made["method"], made["url"], headers=made.get("headers"), **passed)
    assert answer.status_code != 500, answer.text
    case.validate_response(schemathesis.Response.from_any(answer), checks=CHECKS)


def test_known_names_get_whole_answers(client: Client) -> None:
    """schemathesis draws names that are not there; these are."""
    described = schemathesis.openapi.from_dict(client.get("/api/openapi.json").json())
    known = {"run_id": LATEST, "index": 0, "series_id": 1, "family": "fork", "against": ""}
    for found in described.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if operation.method != "get":
            continue
        names = {p.name for p in operation.path_parameters}
        query = {p.name: known[p.name] for p in operation.query if p.is_required}
        case = operation.Case(path_parameters={name: known[name] for name in names}, query=query)
        made = case.as_transport_kwargs(base_url="http://127.0.0.1:8642")
        answer = client.get(made["url"], params=made.get("params"))
        assert answer.status_code == (404 if "compare" in made["url"] else 200), made["url"]
        case.validate_response(schemathesis.Response.from_any(answer), checks=CHECKS)


def test_figures_are_those_of_the_store(client: Client, source: Source) -> None:
    kept = judgement_of(source.store, LATEST)
    told = client.get(f"/api/v1/runs/{LATEST}/figures").json()["figures"]
    assert len(told) == len(kept.summary) > 100
    for row, one, each in zip(kept.summary, told, kept.replicates, strict=True):
        assert (one["case"], one["estimate"], one["unit"]) == (row.case, row.estimate, row.unit)
        assert one["low"] == (None if math.isnan(row.low) else row.low)
        assert len(one["deployed"]) == len(each) >= one["deployments"]


def test_runs_are_paged(client: Client) -> None:
    first = client.get("/api/v1/runs?most=1").json()
    assert [run["run_id"] for run in first["runs"]] == [LATEST]
    second = client.get(f"/api/v1/runs?most=1&before_s={first['next_before_s']}").json()
    assert [run["run_id"] for run in second["runs"]] == [BEFORE] and second["next_before_s"] is None
    machine = first["runs"][0]["machine"]
    assert len(client.get(f"/api/v1/runs?machine={machine}").json()["runs"]) == 2
    assert client.get("/api/v1/runs?plan=nothing").json()["runs"] == []


def test_etags_are_honoured(client: Client) -> None:
    for path in ("/api/v1/runs", f"/api/v1/runs/{LATEST}/figures", "/api/v1/series", "/api/v1/systems"):
        first = client.get(path)
        again = client.get(path, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path


def test_charts_of_both_sides_are_on_the_same_axes(client: Client) -> None:
    query = f"a={LATEST}&a_target=process&b={LATEST}&b_target=kylinx&family=redis"
    charts = client.get(f"/api/v1/compare/charts?{query}").json()["charts"]
    kinds = {chart["type"] for chart in charts}
    assert kinds == {"rate", "distribution"}
    lines = [chart["lines"] for chart in charts if chart["type"] == "distribution"]
    assert all({line["target"] for line in found} <= {0, 1} for found in lines)
    assert any({line["target"] for line in found} == {0, 1} for found in lines)
    assert all(len(chart["lines"]) >= 2 for chart in charts if chart["type"] == "rate")
    assert client.get("/api/v1/compare/charts?family=nope&a=latest&b=latest").status_code == 404


def test_a_trend_of_a_ratio_is_what_was_judged_in_each_run(client: Client, source: Source) -> None:
    row = next(r for r in judgement_of(source.store, LATEST).comparisons if r.metric == "parent")
    number = next(
        s.series_id
        for s in source.series().values()
        if (s.target, s.case, s.series, s.probed) == (row.b, row.case, row.series, False)
    )
    told = client.get(f"/api/v1/trends/{number}?against=process").json()
    assert [p["run_id"] for p in told["points"]] == [BEFORE, LATEST]
    assert told["points"][1]["value"] == row.ratio
