"""The report of a run: one HTML file that works offline, and a markdown summary.

Statistics are not made here: ``summary``, ``comparisons`` and ``overheads`` come from ``bench``."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from results.agreement import agreement_note
from results.charts import charts, undrawn
from results.curves import Curves
from results.faults import WRITING_OUT, storing
from results.legend import COSTS_NOTE, LEGEND
from results.references import Reference, load
from results.samples import write_durably
from results.view import View, in_short, view, when
from vocabulary import CellRecord, ComparisonRow, RunRecord, SourceRow, SummaryRow

_TEMPLATES = Path(__file__).parent / "templates"
_CONTROLS = {c: None for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in (0x09, 0x0A)}
_PIPES = str.maketrans({"|": "\\|", "\n": " ", "\r": " ", "<": "&lt;", ">": "&gt;", "`": "'"})
_LONGEST_CONSOLE = 8000


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


def clean(text: object) -> str:
    """Without the control characters that HTML and terminals do not take; undecodable bytes marked."""
    return str(text).encode("utf-8", "backslashreplace").decode().translate(_CONTROLS)


def embedded(value: object) -> Markup:
    """JSON inside a script element: no ``<`` can end it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def table_cell(text: object) -> str:
    """Text inside a cell of a markdown table."""
    return clean(text).translate(_PIPES)


def fenced(text: str) -> str:
    """A fenced block that the text cannot end."""
    text = clean(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"


@cache
def _environment(escaped: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=(lambda value: value if isinstance(value, Markup) else clean(value)),
    )
    made.filters |= {
        "json": embedded,
        "cell": table_cell,
        "fenced": fenced,
        "when": when,
        "short": in_short,
        "tail": lambda text: text[-_LONGEST_CONSOLE:],
    }
    return made


def _html(shown: View, references: Sequence[Reference]) -> str:
    drawn = charts(shown.curves, references, shown.targets)
    return (
        _environment(True)
        .get_template("report.html.j2")
        .render(
            view=shown,
            legend=LEGEND,
            costs_note=COSTS_NOTE,
            agreement_note=agreement_note(shown.agreements),
            charts=drawn,
            undrawn=undrawn(shown.curves),
            plotly=Markup(get_plotlyjs()),
            style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),
            script=Markup((_TEMPLATES / "report.js").read_text(encoding="utf-8")),
        )
    )


def _markdown(shown: View) -> str:
    return (
        _environment(False)
        .get_template("report.md.j2")
        .render(
            view=shown,
            legend=LEGEND,
            costs_note=COSTS_NOTE,
            agreement_note=agreement_note(shown.agreements),
        )
    )
