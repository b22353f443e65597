"""The pages as text. What they show is found elsewhere; links say whether they are served or files."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from results.agreement import agreement_note
from results.charts import Chart
from results.costs import as_comparison
from results.curves import Curves
from results.dashboard.compare import Compared, family_charts, ratio_chart, run_charts
from results.dashboard.hooks import Side
from results.dashboard.links import Links, part, query
from results.dashboard.overview import Overview, overview_of
from results.dashboard.progress import Progress, progress_of
from results.dashboard.source import Source, machine_text
from results.dashboard.systems import systems_of
from results.dashboard.trends import are_quick, changes_of, chart_of, listed, machines_of, title_of, trend_of
from results.dashboard.verdicts import claims_table, gate_table
from results.families import FAMILIES, OTHER, family_of
from results.history import SeriesId, ratio_targets
from results.legend import COSTS_NOTE, LEGEND
from results.references import load
from results.templating import templates
from results.units import duration
from results.view import view
from vocabulary import RunRecord, RunState

HERE = Path(__file__).parent
_MOST_CELLS = 1000  # listed on a run's page; the API has the others


@cache
def _templates() -> Environment:
    made = templates(True, HERE / "templates")
    made.filters |= {"duration": duration, "part": part, "query": query}
    return made


def render(
    template: str, links: Links, page: str, charts: Mapping[str, list[Chart]] | None = None, **more: Any
) -> str:
    """``charts`` are by the id of the element that shows them."""
    found = _templates().get_template(template)
    return found.render(links=links, page=page, charts=dict(charts or {}), **more)


def overview_page(
    source: Source, links: Links, plan: str | None = None, before_s: float | None = None
) -> str:
    found: Overview = overview_of(source, plan, before_s)
    return render("overview.html.j2", links, "overview", view=found, plan=plan, before_s=before_s)


def run_page(source: Source, links: Links, run: RunRecord) -> str:
    kept = source.judgement(run)
    cells = source.store.cells(run.run_id)
    shown = view(
        run,
        cells,
        kept.summary,
        kept.comparisons,
        [as_comparison(row) for row in kept.overheads],
        Curves(),
        load(),
        kept.environment or None,
        kept.sources,
    )
    progress: Progress | None = None
    if run.state is RunState.RUNNING:
        progress = progress_of(run, cells)
    blocks = [*gate_table(source.store, run.run_id), *claims_table(source.store, [run.run_id])]
    keys = [section.family.key for section in shown.sections]
    embedded = {} if links.live else {f"run-{key}": run_charts(source, run, key) for key in keys}
    return render(
        "run.html.j2",
        links,
        "run",
        embedded,
        view=shown,
        progress=progress,
        machine=machine_text(run),
        legend=LEGEND,
        costs_note=COSTS_NOTE,
        agreement_note=agreement_note(shown.agreements),
        undrawn={},
        lazy=(lambda key: f"/api/v1/runs/{part(run.run_id)}/charts?family={key}")
        if links.live
        else (lambda key: f"#run-{key}"),
        cells=cells[:_MOST_CELLS],
        unlisted=max(0, len(cells) - _MOST_CELLS),
        blocks=blocks,
        more_sections=[*((block.id, block.title) for block in blocks), ("cells", "Cells")],
        judged=bool(kept.summary),
        before=kept.before,
        sides=[Side(run.run_id, target) for target in shown.targets],
        before_sides=(Side(kept.before), Side(run.run_id)) if kept.before else None,
    )


def compare_page(
    source: Source, links: Links, found: Compared | None, a: Side | None, b: Side | None, error: str = ""
) -> str:
    recent = list(source.runs().values())[:200]
    embedded: dict[str, list[Chart]] = {}
    if found is not None:
        embedded = {"ratios": [ratio_chart(found)]}
        if not links.live:
            embedded |= {
                f"compared-{f.key}": family_charts(source, found.a, found.b, f.key) for f in found.families
            }
    targets = sorted({one.target for one in source.series().values()})
    return render(
        "compare.html.j2",
        links,
        "compare",
        embedded,
        found=found,
        a=a,
        b=b,
        error=error,
        recent=recent,
        targets=targets,
        legend=LEGEND,
    )


def trends_page(source: Source, links: Links) -> str:
    return render(
        "trends.html.j2", links, "trends", groups=source.kept("trend groups", lambda: _groups(source))
    )


def _groups(source: Source) -> list[tuple[str, list[tuple[SeriesId, str, str]]]]:
    """The judged series by family, each with its title and its unit's word."""
    groups: dict[str, list[tuple[SeriesId, str, str]]] = {f.title: [] for f in (*FAMILIES, OTHER)}
    for one in source.trended():
        groups[family_of(one.kind).title].append(
            (one, title_of(one), one.unit if one.unit != "1" else "count")
        )
    return [(title, rows) for title, rows in groups.items() if rows]


def trend_page(source: Source, links: Links, series_id: int, against: str = "", whole: bool = False) -> str:
    """Change points of many runs take a while: unless it is to be ``whole``, its script asks for them."""
    trend = trend_of(source, series_id, against)
    whole = whole or not links.live or are_quick(source, trend)
    changes = changes_of(source, trend) if whole else ()
    return render(
        "trend.html.j2",
        links,
        "trends",
        {"trend": [chart_of(source, trend, changes)]},
        trend=trend,
        whole=whole,
        changes=changes,
        machines=machines_of(source, trend),
        rows=listed(source, trend),
        targets=source.kept(("ratio targets", series_id), lambda: ratio_targets(source.store, series_id)),
    )


def systems_page(source: Source, links: Links) -> str:
    return render("systems.html.j2", links, "systems", view=systems_of(source))
