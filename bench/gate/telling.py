"""A gate's report for people: on the terminal, and as markdown for a pull request."""

import math
import time
from collections.abc import Iterator

from bench.console import err, out, print_table, quantity
from bench.gate.report import Decision, Finding, GateReport, Judged

_STYLES = {
    Decision.PASS: "green",
    Decision.REGRESSION: "red",
    Decision.INCONCLUSIVE: "yellow",
    Decision.FAILED: "red",
}
_MARKS = {
    Finding.REGRESSION: "❌ slower or larger",
    Finding.INCONCLUSIVE: "❔ inconclusive",
    Finding.IMPROVED: "✅ better",
    Finding.REFUTED: "✅ refuted by the re-run",
    Finding.SAME: "no change",
}
TOLD = (Finding.REGRESSION, Finding.INCONCLUSIVE, Finding.REFUTED, Finding.IMPROVED)
_COLUMNS = (
    *("target", "case", "series", "baseline", "run", "ratio", "95 % interval", "p (Holm)"),
    *("threshold", "finding", ""),
)
_MOST = 40  # rows of one finding in markdown: a comment on GitHub holds 65,536 characters


def headline(report: GateReport) -> str:
    """One line: what was decided, and of what."""
    found = {finding: len(report.of(finding)) for finding in Finding}
    regressions = found[Finding.REGRESSION]
    parts = [
        (len(report.failed), "failed cells" if len(report.failed) > 1 else "failed cell"),
        (regressions, "regressions" if regressions > 1 else "regression"),
        (found[Finding.INCONCLUSIVE], "inconclusive"),
        (len(report.missing), "missing"),
        (found[Finding.IMPROVED], "better"),
        (found[Finding.REFUTED], "refuted by the re-run"),
        (found[Finding.SAME], "unchanged"),
    ]
    told = ", ".join(f"{count} {what}" for count, what in parts if count)
    metrics = len(report.metrics)
    return f"{metrics} metric{'' if metrics == 1 else 's'} judged: {told or 'nothing'}"


def against(report: GateReport) -> str:
    """What the run was judged by."""
    base = report.baseline
    commit = f", commit {base['code']}" if base.get("commit") else ""
    when = time.strftime("%Y-%m-%d %H:%M", time.gmtime(float(base["made_s"])))
    by = f" by {base['made_by']}" if base.get("made_by") else ""
    why = f" ({base['why']})" if base.get("why") else ""
    return f"baseline {base['name']}{commit}, {when} UTC{by}{why}"


def ratio(judged: Judged) -> tuple[str, str]:
    """The ratio and its interval."""
    if not math.isfinite(judged.ratio):
        return "–", "–"
    if judged.exact or not math.isfinite(judged.high):
        return f"{judged.ratio:.4g}", "exact" if judged.exact else "–"
    return f"{judged.ratio:.3f}", f"{judged.low:.3f} .. {judged.high:.3f}"


def figures(judged: Judged) -> tuple[str, str]:
    both = judged.baseline, judged.run
    return quantity(both[0], judged.unit) if math.isfinite(both[0]) else "–", (
        quantity(both[1], judged.unit) if math.isfinite(both[1]) else "–"
    )


def notes(report: GateReport) -> Iterator[str]:
    """What to know before believing it."""
    timed = [one for one in report.metrics if one.paired and math.isfinite(one.ratio)]
    if twins := sorted({one.beside for one in timed if one.beside}):
        yield f"over {', '.join(twins)}: the baseline's code, deployed in the same blocks"
    over_control = [one for one in timed if not one.beside]
    if report.control and over_control:
        yield f"figures are as measured; a ratio is of figures over {report.control}'s, now to then"
    if report.drift is not None and report.control and over_control:
        much = f"{abs(report.drift - 1):.0%} {'slower' if report.drift > 1 else 'faster'}"
        yield f"the machine itself ({report.control}) was {much} than at the baseline: divided out"
    if report.confirmed_by:
        yield f"what looked like a regression was measured again: run {report.confirmed_by}"
    if report.interrupted:
        yield "the re-run was interrupted: kxbench gate again"
    yield from report.notes
    for why, count in report.unjudged.items():
        yield f"{count} series not judged: {why}"


def show(report: GateReport, all_: bool) -> None:
    """On the terminal: what is not as it was, or everything."""
    chosen = report.of(*TOLD, *((Finding.SAME,) if all_ else ()))
    if chosen:
        print_table(
            "",
            _COLUMNS,
            [_row(one) for one in sorted(chosen, key=lambda one: list(_MARKS).index(one.finding))],
            right=("baseline", "run", "ratio", "p (Holm)", "threshold"),
        )
    for cell in report.failed:
        out.print(f"failed: {cell.target} {cell.case}, block {cell.block + 1}: {cell.reason}", markup=False)
    for name in report.missing:
        out.print(f"missing: {name}: the baseline has it, this run does not", markup=False)
    style = _STYLES[report.decision]
    out.print(f"[bold {style}]{report.decision}[/]: {headline(report)}")
    out.print(f"run {report.run}, commit {report.code}, against {against(report)}", markup=False)
    for note in notes(report):
        err.print(f"  {note}", markup=False)


def _row(one: Judged) -> tuple[str, ...]:
    p = f"{one.p_adjusted:.3g}" if math.isfinite(one.p_adjusted) else "–"
    threshold = "none" if one.exact else f"{one.threshold:.1%}"
    return (
        *(one.target, one.case, one.series, *figures(one), *ratio(one)),
        *(p, threshold, str(one.finding), one.why),
    )


def markdown(report: GateReport) -> str:
    """For a comment on a pull request: the decision first, then what is not as it was."""
    mark = {Decision.PASS: "✅", Decision.INCONCLUSIVE: "❔"}.get(report.decision, "❌")
    lines = [f"## {mark} Performance gate: {report.decision}", "", f"{headline(report)}.", ""]
    told = f"Run `{report.run}` of plan `{_cell(report.plan)}`, commit `{report.code}`"
    lines += [f"{told}, against {_cell(against(report))}.", ""]
    if report.failed:
        lines += ["| failed | case | block | reason |", "|---|---|---|---|"]
        lines += [
            f"| {c.target} | {_cell(c.case)} | {c.block + 1} | {_cell(c.reason)} |" for c in report.failed
        ]
        lines += [""]
    for finding in TOLD:
        lines += _table(finding, report.of(finding))
    if report.missing:
        lines += ["**Missing**: the baseline has them, this run does not.", ""]
        lines += [f"- {_cell(name)}" for name in report.missing[:_MOST]] + [""]
    if unchanged := report.of(Finding.SAME):
        lines += ["<details><summary>", f"{len(unchanged)} unchanged", "</summary>", ""]
        lines += [*_table(Finding.SAME, unchanged), "</details>", ""]
    lines += [f"- {_cell(note)}" for note in notes(report)]
    return "\n".join(lines).rstrip() + "\n"


def _table(finding: Finding, metrics: list[Judged]) -> list[str]:
    if not metrics:
        return []
    lines = [
        f"| {_MARKS[finding]} | case | series | baseline | run | ratio | 95 % interval | threshold | |",
        "|---|---|---|--:|--:|--:|---|--:|---|",
    ]
    for one in metrics[:_MOST]:
        threshold = "none" if one.exact else f"{one.threshold:.1%}"
        cells = (one.target, one.case, one.series, *figures(one), *ratio(one), threshold, one.why)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    if len(metrics) > _MOST:
        lines.append(f"\n… and {len(metrics) - _MOST} more")
    return [*lines, ""]


def _cell(text: str) -> str:
    """Text that stays text in a table: what a target printed may be in a reason."""
    text = text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
    return " ".join(text.split())
