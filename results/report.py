"""The report of a run: one HTML file that works offline, and a markdown summary.

Statistics are not made here: ``summary``, ``comparisons`` and ``overheads`` come from ``bench``."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from results.agreement import agreement_note
from results.charts import charts, undrawn
from results.curves import Curves
from results.faults import WRITING_OUT, storing
from results.legend import COSTS_NOTE, LEGEND
from results.references import Reference, load
from results.samples import write_durably
from results.templating import template_text, templates
from results.view import View, view
from vocabulary import CellRecord, ComparisonRow, RunRecord, SourceRow, SummaryRow


def write_report(
    out_dir: Path,
    run: RunRecord,
    cells: Sequence[CellRecord],
    summary: Sequence[SummaryRow],
    comparisons: Sequence[ComparisonRow] = (),
    curves: Curves | None = None,
    references: Sequence[Reference] | None = None,
    *,
    overheads: Sequence[ComparisonRow] = (),
    environment: Sequence[tuple[str, str]] | None = None,
    sources: Sequence[SourceRow] | None = None,
) -> tuple[Path, Path]:
    """Write ``report.html`` and ``report.md`` into ``out_dir``; returns their paths. Raises StoreError.

    ``curves`` is ``results.curves.curves_of(store.samples(run_id))``; ``references`` those of
    references.toml by default. ``comparisons`` are between targets of the run (``a`` the first of them: they
    show beside the figures) or with another run. ``overheads`` are rows whose ``a`` is the plain case and
    ``b`` the probes that were on. ``environment`` is (name, text) as people should read it. ``sources`` are
    the differences between two sources of one event; without them the summary's medians are compared."""
    curves, references = curves or Curves(), load() if references is None else references
    shown = view(run, cells, summary, comparisons, overheads, curves, references, environment, sources)
    pages = out_dir / "report.html", out_dir / "report.md"
    with storing("the report was not written", str(out_dir), WRITING_OUT):
        out_dir.mkdir(parents=True, exist_ok=True)
        for path, content in zip(pages, (_html(shown, references), _markdown(shown)), strict=True):
            write_durably(path, content.encode("utf-8", "replace"))
    return pages


def _html(shown: View, references: Sequence[Reference]) -> str:
    drawn = charts(shown.curves, references, shown.targets)
    return (
        templates(True)
        .get_template("report.html.j2")
        .render(
            view=shown,
            legend=LEGEND,
            costs_note=COSTS_NOTE,
            agreement_note=agreement_note(shown.agreements),
            charts=drawn,
            undrawn=undrawn(shown.curves),
            lazy=None,
            plotly=Markup(get_plotlyjs()),
            style=template_text("report.css"),
            script=template_text("charts.js"),
        )
    )


def _markdown(shown: View) -> str:
    return (
        templates(False)
        .get_template("report.md.j2")
        .render(
            view=shown,
            legend=LEGEND,
            costs_note=COSTS_NOTE,
            agreement_note=agreement_note(shown.agreements),
        )
    )
