"""The report: what it names, that it loads nothing, that hostile text stays text, that a browser draws it."""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from results.curves import Curves, curves_of
from results.families import FAMILIES
from results.report import write_report
from tests.results import made_up_run as made_up
from tests.results.made_up import HOSTILE, a_cell, a_run, some
from vocabulary import Better, CellRecord, Clock, Metric, Outcome, SourceRow, StoreError

PWN = "<script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">&amp;|`\x00\x1b"


class Page(HTMLParser):
    """Elements with their attributes, and the text outside scripts and styles."""

    VOID = frozenset({"meta", "link", "br", "img", "input", "hr", "path", "circle"})

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.unbalanced: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data + " "

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(where: Path, targets: Sequence[str] = ("process",)) -> tuple[str, str, made_up.Contents]:
    made = made_up.contents(targets, blocks=3)
    summary = made_up.summary_of(made)
    compared = made_up.comparisons_of(summary, *targets) if len(targets) == 2 else []
    pages = write_report(
        where,
        made_up.run_of(made, targets),
        [cell for cell, _ in made],
        summary,
        compared,
        curves_of(made),
        overheads=list(made_up.overheads_of(summary)),
    )
    return (*(page.read_text(encoding="utf-8") for page in pages), made)  # type: ignore[return-value]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, made_up.Contents]:
    return report(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, made_up.Contents]:
    return report(tmp_path_factory.mktemp("two"), ("process", "kylinx"))


def test_the_page_is_whole_and_loads_nothing(one: tuple[str, str, made_up.Contents]) -> None:
    page = Page(one[0])
    assert not page.unbalanced and not page.open
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base"), tag
        for name in ("src", "srcset", "data", "action"):
            assert name not in attributes, (tag, attributes)
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        href = attributes.get("href")
        assert href is None or href.startswith("#"), href
    style = re.search(r"<style>(.*?)</style>", one[0], re.DOTALL)
    assert style and "url(" not in style[1] and "@import" not in style[1]
    policy = [m for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert policy and "default-src 'none'" in str(policy[0]["content"])
    identifiers = [a["id"] for _, a in page.elements if "id" in a]
    assert len(identifiers) == len(set(identifiers))
    for link in page.all("a"):
        assert str(link["href"]).removeprefix("#") in identifiers


def test_it_stays_small_without_plotly(two: tuple[str, str, made_up.Contents]) -> None:
    scripts = re.findall(r"<script>(.*?)</script>", two[0], re.DOTALL)
    plotly = max(map(len, scripts))
    assert plotly > 1_000_000
    assert len(two[0].encode()) - plotly < 2_000_000


def test_every_section_and_table_is_there_and_labelled(one: tuple[str, str, made_up.Contents]) -> None:
    page = Page(one[0])
    anchors = {link["href"] for link in page.all("a")}
    assert {f"#{family.key}" for family in FAMILIES} <= anchors
    assert page.elements.count(("table", {})) + one[0].count("<table class") == one[0].count("<caption")
    assert all(head.get("scope") in ("col", "row", "rowgroup") for head in page.all("th"))
    for words in (
        "Made-up processor",
        "seed 42",
        "4 min 31 s",
        "Linux process",
        "KylinX pVM",
        "hierarchical bootstrap",
    ):
        assert words in page.text, words
    for warning in made_up.run_of([]).warnings:
        assert warning in page.text and warning in one[1]


def test_every_cell_that_is_not_ok_is_named_with_reason_and_console(
    one: tuple[str, str, made_up.Contents],
) -> None:
    text = Page(one[0]).text
    bad = [cell for cell, _ in one[2] if cell.outcome is not Outcome.OK]
    assert {cell.outcome for cell in bad} == {Outcome.FAILED, Outcome.UNSUPPORTED, Outcome.NOISY}
    for cell in bad:
        for where in (text, one[1]):
            assert cell.case in where
            assert cell.reason in where
            assert f"block {cell.block + 1}, cell {cell.index}" in where
            if cell.outcome is Outcome.FAILED:
                assert cell.console.strip() in where


def test_cells_that_are_not_ok_are_told_once_a_reason(tmp_path: Path) -> None:
    cells = [
        a_cell(i, block=i, outcome=Outcome.NOISY, reason=f"steal took {20 + i}% of 50%", console="server log")
        for i in range(12)
    ]
    cells += [
        a_cell(20 + i, {"x": 1}, block=i, outcome=Outcome.FAILED, reason="signal 9", console=f"log {i}")
        for i in range(5)
    ]
    cells.append(a_cell(30, {"x": 1}, outcome=Outcome.FAILED, reason="signal 11", console=""))
    html, markdown = (page.read_text() for page in write_report(tmp_path, a_run(), cells, []))
    assert html.count('<article class="cell') == markdown.count("\n### ") == 3
    for text in (Page(html).text, markdown):
        assert text.count("steal took 20–31% of 50%") == 1
        assert "signal 9" in text and "signal 11" in text and "signal 9–11" not in text
        assert "server log" not in text
        assert "log 2" in text and "log 3" not in text and "consoles of 2 more" in text
        assert "block 12, cell 11" in text


def test_warnings_and_legend_come_before_the_cards_and_take_little_room(
    one: tuple[str, str, made_up.Contents],
) -> None:
    head = one[0].partition('<div class="cards">')[0]
    summary = re.search(r'<details class="warnings".*?<summary>(.*?)</summary>', head, re.DOTALL)
    assert summary and "2 warnings" in summary[1]
    assert "other guests of this host took CPU time; the CPU changes its frequency</span>" in summary[1]
    legend = head.partition('<details class="legend"')[2]
    for word in ("deployments / samples", "Noisy", "95 %", "same unit", "is better"):
        assert word in legend and word in one[1], word


def test_cards_speak_plainly_with_units(one: tuple[str, str, made_up.Contents]) -> None:
    cards = Page(one[0].partition('<div class="cards">')[2].partition("<noscript>")[0]).text
    assert re.search(
        r"fork, return in the parent\s+dirty_mib=1, pages=default\s+\d+\.\d µs\s+[\d.]+–[\d.]+ µs", cards
    )
    for words in (
        "exit to wait's return",
        "SysV message queue, one way",
        "Redis, highest rate before the knee",
    ):
        assert words in cards, words
    assert "one_way" not in cards


def test_two_deployments_are_too_few_for_an_interval(tmp_path: Path) -> None:
    row = made_up.summary_of(made_up.contents(blocks=2))[0]
    few = replace(row, low=math.nan, high=math.nan, deployments=2)
    for page in write_report(tmp_path, a_run(), [a_cell()], [few]):
        assert "too few deployments" in page.read_text() and "no interval" not in page.read_text()


def _cost(tmp_path: Path, **changes: Any) -> str:
    rows = made_up.overheads_of(made_up.summary_of(made_up.contents(blocks=3)))
    row = next(r for r in rows if r.metric == "one_way")
    usual: dict[str, Any] = {"low": 1.1, "high": 1.3, "ratio": 1.2, "pairs": 5, "note": ""}
    row = replace(row, **usual | changes)
    html, markdown = (p.read_text() for p in write_report(tmp_path, a_run(), [], [], overheads=[row]))
    table = re.search(r'<table class="costs">(.*?)</table>', html, re.DOTALL)
    assert table
    line = next(line for line in markdown.splitlines() if line.startswith("| pipe "))
    told = re.findall(r'<td><span class="verdict [a-z]+">(.*?)</span></td>', table[1])
    assert len(told) == 1 and f"| {told[0]} |" in line
    return line


def test_costs_say_which_way_they_go(tmp_path: Path) -> None:
    more = {"ratio": 1.57, "low": 1.4, "high": 1.7}
    less = {"ratio": 0.8, "low": 0.7, "high": 0.9}
    assert "| 1.20× | 1.10–1.30× | costs: 20 % more | 5 |" in _cost(tmp_path)
    assert "| costs: 16.6 times as much |" in _cost(tmp_path, ratio=16.6, low=15.0, high=18.0)
    assert "| no cost: 57 % more |" in _cost(tmp_path, better="higher", **more)
    assert "| costs: 20 % less |" in _cost(tmp_path, better="higher", **less)
    assert "| no cost: 20 % less |" in _cost(tmp_path, **less)
    assert "| within the noise |" in _cost(tmp_path, low=0.9)
    unknown: dict[str, Any] = {"pairs": 1, "low": 0.0, "high": math.inf}
    for few in (unknown, {"pairs": 2}):
        line = _cost(tmp_path, better="higher", **few)
        assert "| too few pairs |" in line and "×" not in line and "cost" not in line


def test_charts_draw_what_the_tables_have_or_say_what_they_leave_out(tmp_path: Path) -> None:
    child = replace(some().metric, name="child")
    sizes = {1: [10.0] * 100, 256: [20.0, 30.0, 40.0], 1024: [50.0]}
    made = [
        (a_cell(i, {"dirty_mib": mib}), [some(values), some([1.0], child)])
        for i, (mib, values) in enumerate(reversed(sizes.items()))
    ]
    html, _ = write_report(
        tmp_path, a_run(), [c for c, _ in made], made_up.summary_of(made), [], curves_of(made)
    )
    text = html.read_text(encoding="utf-8")
    [chart] = _charts(text)
    assert [line["name"] for line in chart["lines"]] == ["dirty_mib=1", "dirty_mib=256"]
    assert "Left out, too few samples for a curve: dirty_mib=1024 (1)." in chart["note"]
    assert "Coarse, of few samples: dirty_mib=256 (3)." in chart["note"]
    assert "fork: child." in Page(text).text.partition("Without a chart")[2]


def test_redis_is_compared_with_gets_alone_and_at_said_conditions(tmp_path: Path) -> None:
    metric = Metric("throughput", "ops/s", Clock.MONOTONIC, Better.HIGHER)
    made = []
    for index, params in enumerate(({}, {"pipeline": 16})):
        series = [
            some([4e4 + index], metric, labels={"op": "get"}),
            some([5e4], metric, labels={"op": "set"}),
        ]
        made.append((a_cell(index, params, kind="redis"), series))
    _, markdown = write_report(tmp_path, a_run(), [c for c, _ in made], made_up.summary_of(made))
    line = next(x for x in markdown.read_text().splitlines() if x.startswith("| Redis GET |"))
    assert "(Unikraft, at pipeline 16, connections 30)" in line
    assert "(redis, op get, at pipeline 1, connections 16)" in line
    assert "(redis[pipeline=16], op get, at pipeline 16, connections 16)" in line
    assert "op set" not in line


def test_figures_are_those_of_the_summary(one: tuple[str, str, made_up.Contents]) -> None:
    [row] = [
        r
        for r in made_up.summary_of(one[2])
        if (r.kind, r.metric, r.probed, r.case)
        == ("fork", "parent", False, "fork[dirty_mib=256,pages=default]")
    ]
    shown = f"{row.estimate / 1e6:.2f} ms ({row.low / 1e6:.2f}–{row.high / 1e6:.2f})"
    assert f"| dirty_mib=256, pages=default | parent | program | {shown} |" in one[1]
    assert f"<b>{row.estimate / 1e6:.2f}</b>&nbsp;ms" in one[0]


def test_errors_that_did_not_happen_are_out_of_the_way(tmp_path: Path) -> None:
    errors = Metric("errors", "1", Clock.NONE, Better.LOWER)
    made = [
        (a_cell(i, block=i), [some([0.0], errors), some([2.0], errors, labels={"op": "set"})])
        for i in range(2)
    ]
    _, markdown = write_report(tmp_path, a_run(), [c for c, _ in made], made_up.summary_of(made))
    assert "| errors op set |" in markdown.read_text()
    assert "| errors |" not in markdown.read_text()


def test_probes_agree_and_cost(one: tuple[str, str, made_up.Contents]) -> None:
    agreement = one[1].partition("## Probes against programs")[2].partition("\n## ")[0]
    assert re.search(
        r"\| fork\[dirty_mib=1,pages=default\] \| process \| parent \| .* µs .* \| .* \(fork\) \| [+−].* µs",
        agreement,
    )
    assert "at 5\u202f000/s" in agreement and "(wire)" in agreement
    overhead = one[1].partition("## What the probes cost")[2].partition("\n## ")[0]
    assert re.search(
        r"\| pipe size=1 \| process \| ipc \| one_way \| .* \| \d\.\d+× \| [\d.]+–[\d.]+× \| .* \| 3 \|",
        overhead,
    )
    assert "latency at 5\u202f000/s (generator)" in overhead


def test_differences_of_sources_are_shown_with_their_interval(tmp_path: Path) -> None:
    row = SourceRow(
        target="process",
        case="fork",
        kind="fork",
        metric="parent",
        labels={},
        unit="ns",
        series_a="parent@program",
        series_b="usdt_parent@probe:fork",
        pairs=5,
        estimate_a=88_000,
        estimate_b=87_100,
        difference=-900,
        low=-1300,
        high=-400,
    )
    unknown = replace(row, low=-math.inf, high=math.inf, pairs=1, note="one cell only")
    _, markdown = write_report(tmp_path, a_run(), [a_cell()], [], sources=[row, unknown])
    text = markdown.read_text(encoding="utf-8")
    assert (
        "| fork | process | parent | 88.0 µs | 87.1 µs (fork, USDT) | −900 ns"
        " (−1\u202f300 to −400) (−1.0 %) |" in text
    )
    assert "−900 ns (−1.0 %, one cell only)" in text
    assert "/monitor" not in text


def test_a_probe_that_sees_part_of_an_event_is_explained(tmp_path: Path) -> None:
    row = SourceRow(
        target="kylinx",
        case="fork",
        kind="fork",
        metric="parent",
        labels={},
        unit="ns",
        series_a="parent@program",
        series_b="parent@probe:fork/monitor",
        pairs=5,
        estimate_a=60_000,
        estimate_b=40_000,
        difference=-20_000,
        low=-21_000,
        high=-19_000,
    )
    html, markdown = write_report(tmp_path, a_run(), [a_cell()], [], sources=[row])
    text = markdown.read_text(encoding="utf-8")
    assert "| fork | kylinx | parent | 60.0 µs | 40.0 µs (fork/monitor) |" in text
    for page in (text, Page(html.read_text(encoding="utf-8")).text):
        assert "NAME/monitor: at the monitor of pVMs" in page


def test_what_was_not_tested_has_no_verdict(tmp_path: Path) -> None:
    [row, *_] = made_up.overheads_of(made_up.summary_of(made_up.contents(blocks=2)))
    bare = replace(
        row, low=0.0, high=math.inf, p_value=math.nan, p_adjusted=math.nan, significant=False, pairs=1
    )
    html, markdown = (page.read_text() for page in write_report(tmp_path, a_run(), [], [], overheads=[bare]))
    assert "too few pairs" in html and "too few pairs" in markdown
    assert "no difference found" not in Page(html).text


def test_two_targets_stand_side_by_side_with_their_ratio(two: tuple[str, str, made_up.Contents]) -> None:
    page = Page(two[0])
    assert "kylinx / process" in page.text
    row = next(
        line
        for line in two[1].splitlines()
        if line.startswith("| dirty_mib=1, pages=default | parent | program")
    )
    assert re.search(r"\| 8\d\.\d µs \(.*\| 5\d\.\d µs \(.*\| 0\.6\d× \(0\.\d+–0\.\d+×\) better", row)


def test_cards_of_two_targets_say_the_ratio_to_the_first(two: tuple[str, str, made_up.Contents]) -> None:
    cards = Page(two[0].partition('<div class="cards several">')[2].partition("<noscript>")[0]).text
    found = re.search(
        r"fork, return in the parent\s+dirty_mib=1, pages=default\s+(8\d\.\d) µs\s+[\d.–]+\s+"
        r"(5\d\.\d) µs\s+[\d.–]+\s+(0\.6\d)×\s+0\.\d+–0\.\d+× better",
        cards,
    )
    assert found, cards[:400]
    assert float(found[3]) == pytest.approx(float(found[2]) / float(found[1]), abs=0.01)
    assert "ratios are to process" in Page(two[0]).text


def _charts(html: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', html)
    assert found
    return [chart for charts in json.loads(found[1]).values() for chart in charts]


def test_charts_carry_what_was_measured(one: tuple[str, str, made_up.Contents]) -> None:
    charts = {str(chart["title"]): chart for chart in _charts(one[0])}
    sweep = charts["http: latency by offered rate (page=612)"]["lines"][0]
    assert sweep["saturated"][-1] == "generator"
    assert sweep["knee"] == 16_000
    assert (
        charts["redis: latency by offered rate (keys=1000, value_bytes=64)"]["lines"][0]["saturated"][-1]
        == "server"
    )
    phases = charts["redis_bgsave: latency (keys=1000000)"]["lines"]
    assert [line["name"].split(",")[0] for line in phases] == ["before", "during", "after"]
    references = charts["pipe: one way"]["references"]
    assert [r["text"] for r in references] == ["Linux process: pipe, 54 µs", "KylinX pVM: pipe, 55 µs"]
    for chart in charts.values():
        for line in chart["lines"]:
            assert len(line.get("x", ())) <= 400
            assert line.get("x", []) == sorted(line.get("x", []))


def hostile(where: Path) -> tuple[Path, Path]:
    cells: list[CellRecord] = []
    series = []
    for index in range(3):
        cell = a_cell(index, {"x": PWN}, target=PWN, kind=PWN, block=index)
        cells.append(cell)
        series.append(
            (cell, [some(range(1, 50), replace(some().metric, name=PWN, summary=PWN), labels={PWN: PWN})])
        )
    cells.append(
        a_cell(
            3, outcome=Outcome.FAILED, reason=PWN + HOSTILE, console=PWN + HOSTILE + "```\n# not a heading"
        )
    )
    run = a_run(
        PWN[:60].replace("\x00", ""), plan_name=PWN, warnings=(PWN,), commit=PWN, environment={PWN: PWN}
    )
    return write_report(where, run, cells, made_up.summary_of(series), [], curves_of(series))


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    html, markdown = (page.read_text(encoding="utf-8") for page in hostile(tmp_path))
    page = Page(html)
    assert len(page.all("script")) == 3
    assert not page.all("img") and not page.unbalanced
    assert page.text.count("<script>document.title='pwned'</script>") >= 8
    assert "\x00" not in html + markdown and "\x1b" not in html + markdown
    outside = re.sub(r"^(`{3,})\n.*?\n\1$", "", markdown, flags=re.DOTALL | re.MULTILINE)
    assert "<script" not in outside and "<img" not in outside
    assert "# not a heading" in markdown and "# not a heading" not in outside


def test_an_empty_run_has_a_report(tmp_path: Path) -> None:
    for page in write_report(tmp_path, a_run(environment={}, warnings=()), [], [], [], Curves()):
        assert "no cells" in page.read_text(encoding="utf-8")


def test_uncommitted_changes_are_told(tmp_path: Path) -> None:
    for dirty in (True, False):
        run = a_run(environment={"git_dirty": dirty}, commit="a" * 40)
        for page in write_report(tmp_path, run, [], [], [], Curves()):
            text = page.read_text(encoding="utf-8")
            assert "a" * 12 in text and ("with uncommitted changes" in text) is dirty


def test_zero_and_one_value_do_not_break_it(tmp_path: Path) -> None:
    made = [
        (a_cell(i, block=i), [some([0.0] * 30 + [5.0] * 10), some([0.0], labels={"n": 1})]) for i in range(2)
    ]
    html, _ = write_report(
        tmp_path, a_run(), [c for c, _ in made], made_up.summary_of(made), [], curves_of(made)
    )
    [chart] = _charts(html.read_text(encoding="utf-8"))
    assert chart["lines"][0]["zeros"] == 0.75


def test_where_it_cannot_write_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="report was not written"):
        write_report(tmp_path / "file" / "below", a_run(), [], [])
    with pytest.raises(StoreError, match="report was not written") as refused:
        write_report(Path("/proc/out"), a_run(), [], [])
    assert "check the directory" in refused.value.remedy and "another place" in refused.value.remedy


def _browse(page: Path, profile: Path, *more: str) -> tuple[str, str]:
    """The document after the scripts ran, and what the console said."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    flags = ["headless", "no-sandbox", "disable-gpu", "disable-background-networking", "no-first-run"]
    flags += ["disable-sync", "enable-logging=stderr", "virtual-time-budget=20000", "dump-dom"]
    flags += ["window-size=1280,20000", f"user-data-dir={profile}", *more]
    argv = [chromium, *(f"--{flag}" for flag in flags), page.as_uri()]
    done = subprocess.run(argv, capture_output=True, timeout=240, check=True)
    console = [line for line in done.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return done.stdout.decode(), "\n".join(console)


def test_a_browser_draws_it_without_a_word_on_the_console(
    two: tuple[str, str, made_up.Contents], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(two[0], encoding="utf-8")
    document, console = _browse(page, tmp_path / "profile", "blink-settings=preferredColorScheme=0")
    assert console == ""
    opened = [chart for chart in _charts(two[0]) if chart["open"]]
    assert len(opened) > 10
    assert len(re.findall(r'<figure[^>]*data-drawn="yes"', document)) == len(opened)
    assert document.count('class="main-svg"') >= len(opened)
    assert "the generator could not keep up at 24" in document


def test_a_browser_finds_hostile_text_harmless(tmp_path: Path) -> None:
    page, _ = hostile(tmp_path)
    document, console = _browse(page, tmp_path / "profile")
    assert console == ""
    assert re.search(r'<figure[^>]*data-drawn="yes"', document)
    title = re.search(r"<title>(.*?)</title>", document)
    assert title and title[1] != "pwned"
    assert "<img" not in document.replace("&lt;img", "")
