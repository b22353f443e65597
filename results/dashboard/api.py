"""The JSON API, read only. Uploads are in ``uploads.py``."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel

from results import history
from results.dashboard import models
from results.dashboard.answers import json_answer, kept_json, respond
from results.dashboard.compare import chart_list, compared, family_charts, run_charts
from results.dashboard.hooks import Side
from results.dashboard.progress import progress_of
from results.dashboard.source import Source
from results.dashboard.systems import systems_of
from results.dashboard.trends import are_quick, changes_of, chart_of, trend_of
from results.exporters.json_file import lines
from results.plain import finite
from vocabulary import CellRecord, ComparisonRow, UsageError

TEXT = r"^[^\x00-\x1f\x7f]*$"
RunId = Annotated[
    str,
    Path(
        pattern=r"^[^/\x00-\x1f\x7f]+$", max_length=64, description="an id, the beginning of one, or latest"
    ),
]
Word = Annotated[str, Query(max_length=200, pattern=TEXT)]
Number = Annotated[int, Path(ge=0, le=2**31 - 1)]
Seconds = Annotated[float | None, Query(ge=-1e12, le=1e12, allow_inf_nan=False, description="Unix seconds")]
_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"model": models.Refusal, "description": "No such run, series or target"},
    422: {"model": models.Refusal, "description": "A parameter is not what it may be"},
    503: {"model": models.Refusal, "description": "The store cannot be read"},
}


def _gives(model: type[BaseModel]) -> dict[str, Any]:
    told = {200: {"model": model}, 304: {"description": "Unchanged since the ETag of If-None-Match"}}
    return {"responses": {**told, **_REFUSED}, "response_class": Response}


def api_router(source: Source, uploads: bool) -> APIRouter:
    router = APIRouter(prefix="/api/v1")
    _runs(router, source)
    _one_run(router, source)
    _across(router, source)

    @router.get("/health", summary="Whether the store can be read", **_gives(models.Health))
    def health(request: Request) -> Response:
        found = {"ok": True, "runs": len(source.runs()), "uploads": uploads}
        return respond(request, json_answer(found))

    return router


def _brief(run: history.Brief, outcomes: dict[str, int]) -> dict[str, Any]:
    return asdict(run) | {"state": str(run.state), "outcomes": outcomes}


def _briefs(source: Source, runs: Sequence[history.Brief]) -> list[dict[str, Any]]:
    outcomes = history.outcomes_of_runs(source.store, [run.run_id for run in runs])
    return [_brief(run, outcomes.get(run.run_id, {})) for run in runs]


def _runs(router: APIRouter, source: Source) -> None:
    @router.get("/runs", summary="Runs, the newest first", **_gives(models.RunList))
    def runs(
        request: Request,
        machine: Word | None = None,
        plan: Word | None = None,
        before_s: Seconds = None,
        most: Annotated[int, Query(ge=1, le=500)] = 50,
    ) -> Response:
        def make() -> dict[str, Any]:
            found = history.briefs(source.store, machine=machine, plan=plan, before_s=before_s, most=most + 1)
            page = found[:most]
            after = page[-1].started_s if len(found) > most else None
            return {"runs": _briefs(source, page), "next_before_s": after}

        return kept_json(request, source, make)

    @router.get("/machines", summary="The newest run of each machine", **_gives(models.Machines))
    def machines(request: Request) -> Response:
        latest = history.latest_of_machines
        return kept_json(request, source, lambda: {"machines": _briefs(source, latest(source.store))})


def _one_run(router: APIRouter, source: Source) -> None:
    @router.get("/runs/{run_id}", summary="A run with plan, machine and warnings", **_gives(models.RunWhole))
    def run(request: Request, run_id: RunId) -> Response:
        def make() -> dict[str, Any]:
            found = source.run(run_id)
            whole = {name: getattr(found, name) for name in ("seed", "plan", "environment")}
            return (
                _briefs(source, [source.runs()[found.run_id]])[0] | whole | {"warnings": list(found.warnings)}
            )

        return kept_json(request, source, make)

    @router.get("/runs/{run_id}/cells", summary="A run's cells, without consoles", **_gives(models.Cells))
    def cells(request: Request, run_id: RunId) -> Response:
        def make() -> dict[str, Any]:
            found = source.store.cells(source.run(run_id).run_id)
            return {"cells": [_cell(cell, console=False) for cell in found]}

        return kept_json(request, source, make)

    @router.get("/runs/{run_id}/cells/{index}", summary="A cell with its console", **_gives(models.CellWhole))
    def cell(request: Request, run_id: RunId, index: Number) -> Response:
        return kept_json(request, source, lambda: _cell(cell_of(source, run_id, index), console=True))

    @router.get("/runs/{run_id}/figures", summary="A run's figures as judged", **_gives(models.Figures))
    def figures(request: Request, run_id: RunId) -> Response:
        def make() -> dict[str, Any]:
            kept = source.judgement(source.run(run_id), deployments=True)
            pairs = zip(kept.summary, kept.replicates, strict=True)
            rows = [asdict(row) | {"deployed": [one[:2] for one in each]} for row, each in pairs]
            return {"figures": [finite(row) for row in rows]}

        return kept_json(request, source, make)

    @router.get(
        "/runs/{run_id}/comparisons", summary="Its first target with each other", **_gives(models.Comparisons)
    )
    def comparisons(request: Request, run_id: RunId) -> Response:
        def make() -> dict[str, Any]:
            return _comparisons(source.comparisons(source.run(run_id)).comparisons)

        return kept_json(request, source, make)

    @router.get("/runs/{run_id}/progress", summary="How far a run is", **_gives(models.ProgressTold))
    def progress(request: Request, run_id: RunId) -> Response:
        found = source.run(run_id)
        told = progress_of(found, source.store.cells(found.run_id))
        return respond(request, json_answer(asdict(told) | {"words": told.words}))

    @router.get("/runs/{run_id}/charts", summary="Charts of a family of cases", **_gives(models.ChartList))
    def charts(request: Request, run_id: RunId, family: Word) -> Response:
        run = source.run(run_id)
        return kept_json(request, source, lambda: chart_list(run_charts(source, run, family)))

    _downloads(router, source)


def _downloads(router: APIRouter, source: Source) -> None:
    files: dict[str, Any] = {"responses": _REFUSED, "response_class": Response}

    @router.get("/runs/{run_id}/cells/{index}/samples", summary="A cell's raw samples, as Parquet", **files)
    def samples(run_id: RunId, index: Number) -> Response:
        cell = cell_of(source, run_id, index)
        run = source.run(run_id).run_id
        path = source.store.samples_file(run, cell.index)
        if path is None:
            raise UsageError(f"cell {index} of run {run} has no samples", remedy="its outcome says why")
        kind = "application/vnd.apache.parquet"
        return FileResponse(path, media_type=kind, filename=f"{run}-{cell.index}.parquet")

    @router.get("/runs/{run_id}/export", summary="The whole run, as `kxbench export` writes it", **files)
    def export(run_id: RunId) -> Response:
        run = source.run(run_id)
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{_quoted(run.run_id)}.json"}
        return StreamingResponse(lines(source.store, run), media_type="application/json", headers=headers)


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _across(router: APIRouter, source: Source) -> None:
    @router.get("/compare", summary="Two runs or targets side by side", **_gives(models.Comparisons))
    def compare(
        request: Request, a: Word = "latest", b: Word = "latest", a_target: Word = "", b_target: Word = ""
    ) -> Response:
        def make() -> dict[str, Any]:
            return _comparisons(source.comparison(side(source, a, a_target), side(source, b, b_target)))

        return kept_json(request, source, make)

    @router.get("/compare/charts", summary="Charts of both, of a family of cases", **_gives(models.ChartList))
    def compare_charts(
        request: Request,
        family: Word,
        a: Word = "latest",
        b: Word = "latest",
        a_target: Word = "",
        b_target: Word = "",
    ) -> Response:
        def make() -> dict[str, Any]:
            sides = side(source, a, a_target), side(source, b, b_target)
            compared(source, *sides)
            return chart_list(family_charts(source, *sides, family))

        return kept_json(request, source, make)

    @router.get("/series", summary="Every series that has a trend", **_gives(models.SeriesList))
    def series(request: Request) -> Response:
        return kept_json(
            request, source, lambda: {"series": [asdict(one) for one in source.series().values()]}
        )

    @router.get("/trends/{series_id}", summary="A series over all runs", **_gives(models.TrendTold))
    def trend(request: Request, series_id: Number, against: Word = "") -> Response:
        return kept_json(request, source, lambda: _trend(source, series_id, against))

    @router.get("/trends/{series_id}/chart", summary="Its chart", **_gives(models.ChartList))
    def trend_chart(
        request: Request, series_id: Number, against: Word = "", since: Seconds = None, until: Seconds = None
    ) -> Response:
        def make() -> dict[str, Any]:
            found = trend_of(source, series_id, against)
            changes = changes_of(source, found) if are_quick(source, found) else ()
            return chart_list([chart_of(source, found, changes, since, until)])

        return kept_json(request, source, make)

    @router.get("/systems", summary="What each target can do", **_gives(models.SystemsTold))
    def systems(request: Request) -> Response:
        return kept_json(request, source, lambda: {"abilities": _abilities(source)})


def side(source: Source, run: str, target: str) -> Side:
    """Raises UsageError where there is no such run, or none of its targets is called that."""
    found = source.run(run)
    targets = found.plan.get("targets", [target])
    if target and target not in targets:
        raise UsageError(
            f"run {found.run_id} has no target {target!r}", remedy=f"it has: {', '.join(map(str, targets))}"
        )
    return Side(found.run_id, target)


def cell_of(source: Source, run_id: str, index: int) -> CellRecord:
    run = source.run(run_id)
    found = source.store.cell(run.run_id, index)
    if found is None:
        raise UsageError(f"run {run.run_id} has no cell {index}", remedy="its page lists them")
    return found


def _cell(cell: CellRecord, console: bool) -> dict[str, Any]:
    told = asdict(cell) | {"outcome": str(cell.outcome)}
    if not console:
        del told["console"]
    return told


def _comparisons(rows: Sequence[ComparisonRow]) -> dict[str, Any]:
    return {"comparisons": [finite(asdict(row)) for row in rows]}


def _trend(source: Source, series_id: int, against: str) -> dict[str, Any]:
    found = trend_of(source, series_id, against)
    points = [
        {
            "run_id": p.run.run_id,
            "started_s": p.run.started_s,
            "commit": p.run.commit,
            "machine": line.machine,
            "value": p.value,
            "low": finite(p.low),
            "high": finite(p.high),
            "count": p.count,
        }
        for line in found.lines
        for p in line.points()
    ]
    changes = [
        {name: getattr(change, name) for name in ("machine", "ratio", "interval", "p", "verdict")}
        | {"run_id": change.run.run_id, "before": change.before.run_id}
        for change in changes_of(source, found)
    ]
    unit = "×" if against else found.series.unit
    return {
        "series": asdict(found.series),
        "against": against,
        "unit": unit,
        "points": points,
        "changes": changes,
    }


def _abilities(source: Source) -> list[dict[str, str]]:
    found = systems_of(source)
    return [
        {"target": target.name, "kind": feature.kind}
        | {name: getattr(ability, name) for name in ("state", "told", "run_id")}
        for group in found.groups
        for feature in group.features
        for target, ability in zip(found.targets, feature.abilities, strict=True)
    ]
