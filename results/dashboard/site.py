"""The pages as files that open without a server, for CI artefacts."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from results.dashboard import pages
from results.dashboard.app import assets
from results.dashboard.compare import compared
from results.dashboard.hooks import Side
from results.dashboard.links import FileLinks, compared_name, file_name
from results.dashboard.source import Source
from results.faults import WRITING_OUT, storing
from vocabulary import UsageError

MOST_RUNS = 20


def export_site(
    source: Source, out: Path, most_runs: int = MOST_RUNS, told: Callable[[str], None] = lambda _what: None
) -> Path:
    """Write the overview, the newest runs, their targets side by side and with the run before, all trends and
    the systems into ``out``, which is new or empty. Returns the first page. Raises UsageError, StoreError."""
    with storing("the pages were not written", str(out), WRITING_OUT):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError("is there already", where=str(out), remedy="name a new or an empty directory")
        for name in ("assets", "runs", "trends", "compare"):
            (out / name).mkdir(parents=True, exist_ok=True)
        for name, text in assets().items():
            (out / "assets" / name).write_text(text, encoding="utf-8")
        _pages(source, out, most_runs, told)
    return out / "index.html"


def _pages(source: Source, out: Path, most_runs: int, told: Callable[[str], None]) -> None:
    runs = list(itertools.islice(source.runs(), most_runs))
    trends = [one.series_id for one in source.trended()]
    pairs = _pairs(source, runs)

    def links(up: str) -> FileLinks:
        return FileLinks(up, frozenset(runs), frozenset(trends), frozenset(pairs))

    def write(name: str, text: str) -> None:
        (out / name).write_text(text, encoding="utf-8", errors="replace")

    top, below = links(""), links("../")
    for run_id in runs:
        told(f"run {run_id}")
        write(f"runs/{file_name(run_id)}.html", pages.run_page(source, below, source.run(run_id)))
    for a, b in pairs:
        told(f"{b.name} against {a.name}")
        page = pages.compare_page(source, below, compared(source, a, b), a, b)
        write(f"compare/{compared_name(a, b)}.html", page)
    told(f"{len(trends)} trends")
    for series_id in trends:
        write(f"trends/{series_id}.html", pages.trend_page(source, below, series_id))
    write("compare.html", pages.compare_page(source, top, None, None, None))
    write("trends.html", pages.trends_page(source, top))
    write("systems.html", pages.systems_page(source, top))
    write("index.html", pages.overview_page(source, top))


def _pairs(source: Source, runs: Sequence[str]) -> list[tuple[Side, Side]]:
    """Targets within each run, and each run with the one before it."""
    found: list[tuple[Side, Side]] = []
    for run_id in runs:
        kept = source.comparisons(source.run(run_id))
        found += dict.fromkeys((Side(run_id, row.a), Side(run_id, row.b)) for row in kept.comparisons)
        if kept.changes:
            found.append((Side(kept.before), Side(run_id)))
    return found
