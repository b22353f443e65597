"""The pages as they are served: what they say, that they are kept and found stale, and harmless."""

import json
import re
from dataclasses import replace
from urllib.parse import quote

import pytest

from bench.judged import judge_what_is_not
from results.dashboard.source import Source
from results.dashboard.trends import chart_of, machines_of, trend_of
from results.judgements import FIGURES, judgement_of
from results.store import Store
from tests.results.dashboard.made import BEFORE, LATEST, Client, Page
from tests.results.made_up import HOSTILE, PARENT, a_cell, a_run, some
from vocabulary import Outcome, RunState

WITHIN = f"/compare?a={LATEST}&a_target=process&b={LATEST}&b_target=kylinx"
ACROSS = f"/compare?a={BEFORE}&b={LATEST}"


def series_id(source: Source, metric: str, target: str, probed: bool = False) -> int:
    every = source.series().values()
    return next(s.series_id for s in every if (s.metric, s.target, s.probed) == (metric, target, probed))


def every_page(source: Source) -> list[str]:
    trend = series_id(source, "parent", "kylinx")
    pages = [
        "/",
        "/compare",
        WITHIN,
        ACROSS,
        "/trends",
        f"/trends/{trend}",
        f"/trends/{trend}?against=process",
    ]
    return [*pages, f"/runs/{LATEST}", f"/runs/{LATEST}/cells/0", "/systems", "/api"]


def test_every_page_is_whole_and_loads_nothing_from_elsewhere(client: Client, source: Source) -> None:
    for path in every_page(source):
        answer = client.get(path)
        assert answer.status_code == 200, path
        page = Page(answer.text)
        assert answer.text.rstrip().endswith("</html>")
        assert [tag for tag, _ in page.tags].count("h1") == 1
        for link in page.links:
            assert link.startswith(("/", "#", "data:,")) and not link.startswith("//"), (path, link)
            target = link.partition("#")[0]
            if target.startswith("/") and "export" not in target:
                assert client.get(target).status_code == 200, (path, link)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "unsafe-eval" not in answer.headers["content-security-policy"]


def test_the_overview_says_what_is_newest_and_what_changed(client: Client) -> None:
    text = Page(client.get("/").text).text
    assert LATEST in text and "Made-up processor" in text
    assert re.search(r"kylinx against process: \d+ better, \d+ worse, \d+ no difference found", text)
    assert f"What changed since {BEFORE}" in text


def test_a_run_shows_figures_cells_consoles_and_downloads(client: Client, source: Source) -> None:
    answer = client.get(f"/runs/{LATEST}")
    page = Page(answer.text)
    kept = judgement_of(source.store, LATEST)
    row = next(r for r in kept.summary if r.metric == "parent" and not r.probed)
    assert re.search(rf"{row.estimate / 1e3:.1f} µs [\d.]+–[\d.]+", page.text)
    assert "nginx ended with signal 9" in page.text
    failed = next(c for c in source.store.cells(LATEST) if c.outcome is Outcome.FAILED)
    assert "worker 4711 exited" in Page(client.get(f"/runs/{LATEST}/cells/{failed.index}").text).text
    sample = client.get(next(link for link in page.links if link.endswith("/samples")))
    assert sample.content[:4] == b"PAR1" and sample.content[-4:] == b"PAR1"


def test_comparisons_within_a_run_are_those_that_were_judged(client: Client, source: Source) -> None:
    text = Page(client.get(WITHIN).text).text
    kept = [row for row in judgement_of(source.store, LATEST).comparisons if row.better != "neither"]
    found = re.search(r"(\d+) better, (\d+) worse, (\d+) no difference found(?:, (\d+) not judged)?", text)
    assert found and sum(int(n or 0) for n in found.groups()) == len(kept)


def test_comparing_what_cannot_be_compared_is_told(client: Client) -> None:
    for query, words in (
        (f"a={LATEST}&b={LATEST}", "itself"),
        (f"a=nope&b={LATEST}", "no run"),
        (f"a={LATEST}&a_target=nope&b={LATEST}", "no target"),
    ):
        answer = client.get(f"/compare?{query}")
        assert answer.status_code == 200 and words in Page(answer.text).text, query


def test_a_trend_has_each_run_with_its_interval(client: Client, source: Source) -> None:
    number = series_id(source, "parent", "process")
    page = Page(client.get(f"/trends/{number}").text)
    assert "The last 2 of 2 runs" in page.text and BEFORE in page.text and LATEST in page.text
    found = re.search(r'id="charts">(.*?)</script>', client.get(f"/trends/{number}").text)
    assert found
    [line] = json.loads(found[1])["trend"][0]["lines"]
    assert line["run"] == [BEFORE, LATEST]
    assert all(low <= y <= high for low, y, high in zip(line["low"], line["y"], line["high"], strict=True))
    assert len(line["dots"]) == 6  # three deployments each


def test_many_runs_are_drawn_together_and_say_so(source: Source) -> None:
    number = series_id(source, "parent", "process")
    trend = trend_of(source, number)
    [line] = chart_of(source, trend, most=1)["lines"]
    each = [p.value for line in trend.lines for p in line.points()]
    assert line["together"] == 2 and line["count"] == 2
    low, high = (round(bound * trend.unit.size, 0) for bound in (line["low"][0], line["high"][0]))
    assert low == pytest.approx(min(each), rel=1e-3) and high == pytest.approx(max(each), rel=1e-3)


def test_a_zoom_has_the_runs_of_its_time_with_both_ends(source: Source) -> None:
    trend = trend_of(source, series_id(source, "parent", "process"))
    first, second = (run.started_s for run in trend.lines[0].runs)
    for since, until, wanted in (
        (first, second, [BEFORE, LATEST]),
        (first + 0.001, None, [LATEST]),
        (None, second - 0.001, [BEFORE]),
        (second, second, [LATEST]),
        (second + 1, None, []),
        (second, first, []),
    ):
        lines = chart_of(source, trend, (), since, until)["lines"]
        assert [run for line in lines for run in line["run"]] == wanted


def test_a_run_without_a_figure_is_not_in_its_trend(source: Source, store: Store) -> None:
    number = series_id(source, "parent", "process")
    with store.writing("a figure") as connection:
        connection.execute(FIGURES.update().where(FIGURES.c.run_id == BEFORE).values(estimate=None))
    (line,) = trend_of(source, number).lines
    assert [run.run_id for run in line.runs] == [LATEST] and len(line.values) == 1


def test_machines_of_the_same_name_are_told_apart(source: Source, store: Store) -> None:
    run = store.run(BEFORE)
    store.update_run(replace(run, environment={**run.environment, "fingerprint": "another-setting"}))
    trend = trend_of(source, series_id(source, "parent", "process"))
    names = machines_of(source, trend)
    assert len(names) == 2 and len(set(names.values())) == 2
    assert names["another-setting"].endswith("(anothe)")


def test_systems_say_what_was_verified_and_by_which_run(client: Client) -> None:
    text = Page(client.get("/systems").text).text
    assert "ordinary Linux processes" in text
    assert re.search(rf"fork .*? ✓? ?verified \d+ cells ok[^✓]*{LATEST}", text)
    assert "claimed" in text and "does not offer" in text


def test_pages_are_kept_by_their_etag_until_the_store_changes(client: Client, store: Store) -> None:
    first = client.get("/")
    etag = first.headers["etag"]
    again = client.get("/", headers={"if-none-match": f'"other", {etag}'})
    assert again.status_code == 304 and again.content == b""
    assert "no-cache" in first.headers["cache-control"]
    store.create_run(a_run("20250103-000000-cccc", state=RunState.RUNNING, started_s=1_735_900_000.0))
    later = client.get("/", headers={"if-none-match": etag})
    assert later.status_code == 200 and "20250103-000000-cccc" in later.text
    asset = next(link for link in Page(later.text).links if "plotly" in link)
    assert "immutable" in client.get(asset).headers["cache-control"]


def test_another_process_that_writes_is_noticed(client: Client, store: Store) -> None:
    assert "elsewhere" not in client.get("/").text
    with Store.open(store.where) as other:
        run = other.run(LATEST)
        other.update_run(replace(run, plan_name="elsewhere"))
    assert "elsewhere" in client.get("/").text


def test_a_run_going_on_shows_how_far_it_is(client: Client, store: Store) -> None:
    run = a_run(
        "20250103-000000-cccc", started_s=1_735_900_000.0, cells_planned=4, plan={"targets": ["process"]}
    )
    store.create_run(run)
    store.add_cell(run.run_id, a_cell(0, started_s=1_735_900_001.0), [some()])
    page = Page(client.get(f"/runs/{run.run_id}").text)
    assert "1 of 4 cells, about" in page.text
    [progress] = [attrs for tag, attrs in page.tags if tag == "progress"]
    assert (progress["value"], progress["max"]) == ("1", "4") and progress["aria-label"]
    told = client.get(f"/api/v1/runs/{run.run_id}/progress").json()
    assert (told["done"], told["planned"], told["state"]) == (1, 4, "running")
    store.finish_run(run.run_id, RunState.FINISHED, 1_735_900_009.0)
    assert client.get(f"/api/v1/runs/{run.run_id}/progress").json()["state"] == "finished"
    assert "not judged yet" in Page(client.get(f"/runs/{run.run_id}").text).text or list(
        judge_what_is_not(store, set())
    )


def test_what_is_not_there_is_said_plainly(client: Client) -> None:
    for path in (
        "/runs/nope",
        "/trends/99999",
        f"/runs/{LATEST}/cells/99999",
        "/nothing",
        "/assets/nothing.js",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert Page(answer.text).text
    assert client.get("/trends/word").status_code == 422


def test_hostile_names_stay_text(client: Client, store: Store) -> None:
    evil = f"<img src=x onerror=alert(1)>{HOSTILE}"
    run = a_run(
        "20250104-000000-dddd",
        plan_name=evil,
        plan={"targets": [evil, "b"], "cases": []},
        environment={"host": evil, "cpu_model": evil, evil: evil},
        warnings=(evil,),
        commit=evil,
        started_s=1_736_000_000.0,
        state=RunState.FINISHED,
        finished_s=1_736_000_009.0,
    )
    metric = replace(PARENT, summary=evil)
    cells = [
        a_cell(i, kind=evil, target=target, block=i // 2, reason=evil, console=evil, probes=())
        for i, target in enumerate((evil, "b") * 4)
    ]
    store.add_run(run, [(cell, [some(range(1, 60), metric, labels={evil: evil})]) for cell in cells])
    from bench.judged import judge
    from results.judgements import keep

    kept = judge(store, run, comparisons=[])
    keep(store, run.run_id, kept)
    numbers = [s["series_id"] for s in client.get("/api/v1/series").json()["series"] if "<img" in s["target"]]
    assert numbers
    paths = [
        "/",
        f"/runs/{run.run_id}",
        f"/runs/{run.run_id}/cells/0",
        "/trends",
        f"/trends/{numbers[0]}",
        "/systems",
    ]
    for path in [*paths, f"/compare?a={BEFORE}&b={run.run_id}", f"/compare?a={quote(evil[:40])}&b=latest"]:
        html = client.get(path).text
        page = Page(html)
        assert not [tag for tag, _ in page.tags if tag == "img"], path
        assert all(not name.startswith("on") for _, attrs in page.tags for name in attrs), path
        assert [tag for tag, _ in page.tags].count("script") <= 4, path
        assert "alert(1)" in page.text or "alert(1)" in html or path.startswith("/compare"), path


def test_a_store_that_breaks_while_served_is_told_and_leaks_no_path(client: Client, store: Store) -> None:
    file = store.samples_dir / LATEST
    chosen = next(file.iterdir())
    for path in file.iterdir():
        path.write_bytes(b"PAR1 not parquet PAR1")
    answer = client.get(f"/api/v1/runs/{LATEST}/charts?family=fork")
    assert answer.status_code == 503
    assert str(chosen.parent) not in answer.text and "remedy" in answer.json()["error"]
    assert client.get(f"/runs/{LATEST}").status_code == 200  # figures are in the database
