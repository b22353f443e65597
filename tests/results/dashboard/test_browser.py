"""The pages in a real browser, served and as files: drawn, usable by keyboard, by phone, in the dark.

Screenshots go to the folder named by KXBENCH_ARTEFACTS, or to the test's own."""

import itertools
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from results.store import Store
from tests.results.dashboard.made import BEFORE, LATEST
from tests.results.dashboard.served import Served, kxbench
from tests.results.made_up import a_cell, a_run, some
from vocabulary import EXIT_OK, RunState

WITHIN = f"/compare?a={LATEST}&a_target=process&b={LATEST}&b_target=kylinx"
PATIENCE_MS = 120_000  # on a machine that others use as well
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
]


VERDICTS_CUT = """() => [...document.querySelectorAll('table .verdict')].filter((e) => {
  const box = e.closest('.scroll').getBoundingClientRect(), own = e.getBoundingClientRect();
  return own.width && own.right > box.right + 1;
}).map((e) => e.closest('tr').textContent.slice(0, 80))"""
UNNAMED = """() => {
  const named = (e) => e.getAttribute('aria-label') || e.textContent.trim()
    || e.labels?.[0]?.textContent.trim() || (e.getAttribute('aria-labelledby') || '').split(' ')
      .map((id) => document.getElementById(id)?.textContent || '').join('');
  const all = 'a, button, input, select, [role=img], [role=region], progress, table';
  return [...document.querySelectorAll(all)].filter((e) => !e.closest('.plot') && !named(e))
    .map((e) => e.outerHTML.slice(0, 120));
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS, timeout=PATIENCE_MS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def copy(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "store"
    shutil.copytree(judged, folder)
    return folder / "kxbench.sqlite"


@pytest.fixture(scope="module")
def url(copy: Path) -> Iterator[str]:
    with Served(copy) as url:
        yield url


class Shown:
    """A page, with what its console said and what it asked of others; far from UTC."""

    def __init__(self, browser: Browser, wide: int = 1280, dark: bool = False) -> None:
        self.page: Page = browser.new_page(
            viewport={"width": wide, "height": 900},
            color_scheme="dark" if dark else "light",
            timezone_id="America/New_York",
            reduced_motion="reduce",  # no smooth scrolling: what was found at a place is still there
        )
        self.page.set_default_timeout(PATIENCE_MS)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, address: str) -> Page:
        self.page.goto(address)
        return self.page

    def drawn(self, least: int = 1) -> None:
        """Waits until so many charts are drawn; scrolling, as they are drawn when they come near."""
        self.page.wait_for_function(
            "least => { window.scrollBy(0, 700);"
            " return document.querySelectorAll('.chart[data-drawn=yes]').length >= least }",
            arg=least,
            polling=150,
        )

    def picture(self, name: str, folder: Path) -> None:
        to = Path(os.environ.get("KXBENCH_ARTEFACTS", folder))
        to.mkdir(parents=True, exist_ok=True)
        self.page.evaluate("window.scrollTo(0, 0)")
        self.page.screenshot(path=to / f"dashboard-{name}.png", full_page=True)


def trend(url: str, page: Page) -> str:
    page.goto(f"{url}/trends")
    link = page.locator("tbody tr", has_text="kylinx").locator("a").first
    return f"{url}{link.get_attribute('href')}"


def pages(url: str, page: Page) -> dict[str, tuple[str, int]]:
    """Address, and how many charts are on it at least."""
    return {
        "trend": (trend(url, page), 1),
        "overview": (url + "/", 0),
        "compare": (url + WITHIN, 4),
        "run": (f"{url}/runs/{LATEST}", 4),
        "trends": (f"{url}/trends", 0),
        "systems": (f"{url}/systems", 0),
    }


@pytest.mark.parametrize(
    ("kind", "wide", "dark"), [("desktop", 1280, False), ("phone", 390, False), ("dark", 1280, True)]
)
def test_every_page_is_drawn_and_fits(
    browser: Browser, url: str, tmp_path: Path, kind: str, wide: int, dark: bool
) -> None:
    shown = Shown(browser, wide, dark)
    for name, (address, charts) in pages(url, shown.page).items():
        page = shown.open(address)
        if charts:
            shown.drawn(charts)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (name, kind)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == dark
        cut = page.evaluate(VERDICTS_CUT) if wide > 1000 else []
        assert cut == [], (name, kind)
        shown.picture(f"{name}-{kind}", tmp_path)
    assert shown.said == []
    assert all(address.startswith((url, "data:", "blob:")) for address in shown.asked)
    shown.page.close()


CLUSTERED = """() => {
  const figure = document.querySelector('.chart'), { byId, draw } = window.kxbench;
  const chart = byId.get(figure.id), [line] = chart.lines, [first, last] = [line.t[0], line.t.at(-1)];
  const one = { machine: line.machine, verdict: 'worse' };
  const change = (share) => ({ ...one, t: first + share * (last - first), text: `${share}×` });
  line.t = [0, 0.5, 0.505, 0.51, 1].map((share) => first + share * (last - first));
  for (const name of ['y', 'low', 'high', 'run', 'commit']) line[name] = Array(5).fill(line[name][0]);
  byId.set(figure.id, { ...chart, changes: [0.5, 0.505, 0.51, 1].map(change) });
  draw(figure);
  const { shapes, annotations } = figure.querySelector('.plot').layout;
  return [shapes.length, annotations.map((a) => a.text)];
}"""


def test_change_points_close_together_share_a_label(browser: Browser, url: str) -> None:
    shown = Shown(browser)
    page = shown.open(trend(url, shown.page))
    shown.drawn()
    lines, labels = page.evaluate(CLUSTERED)
    assert lines == 4
    assert labels == ["0.5× worse, and 2 more", "1× worse"]
    page.close()


def test_the_keyboard_reaches_everything(browser: Browser, url: str) -> None:
    shown = Shown(browser)
    page = shown.open(url + WITHIN)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#main"
    shown.drawn(1)
    button = page.locator("#ratios .controls button", has_text="from zero")
    button.focus()
    page.keyboard.press("Enter")
    pressed = page.locator("#ratios .controls button[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["from zero"]
    low = page.evaluate("document.querySelector('#ratios .plot').layout.xaxis.range[0]")
    assert low <= 0  # the zero is there
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"
    page.close()


def test_a_screen_reader_finds_names_for_everything(browser: Browser, url: str) -> None:
    shown = Shown(browser)
    for name, (address, charts) in pages(url, shown.page).items():
        page = shown.open(address)
        if charts:
            shown.drawn(charts)
        unnamed = page.evaluate(UNNAMED)
        assert unnamed == [], name
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => +h.tagName[1])")
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), (
            name,
            levels,
        )
        assert page.evaluate("document.documentElement.lang") == "en"
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map(e => e.id)")
        doubled = {
            one for one in ids if ids.count(one) > 1 and not re.match(r"clip|legend|topdefs|defs", one)
        }
        assert not doubled, (name, doubled)
        heads = page.evaluate("[...document.querySelectorAll('thead th')].every(h => h.scope)")
        assert heads, name
    shown.page.close()


def contrast(one: str, other: str) -> float:
    """WCAG 2's contrast ratio of two rgb() colours."""

    def luminance(colour: str) -> float:
        parts = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_on_their_ground(browser: Browser, url: str, dark: bool) -> None:
    shown = Shown(browser, dark=dark)
    page = shown.open(url + WITHIN)
    ground = page.evaluate("getComputedStyle(document.querySelector('.scroll')).backgroundColor")
    for chosen in (".verdict.better", ".verdict.worse", ".interval", "a", "td", ".question"):
        colour = page.evaluate("s => getComputedStyle(document.querySelector(s)).color", chosen)
        assert contrast(colour, ground) >= 4.5, (chosen, colour, ground)
    page.close()


def test_a_run_going_on_moves_by_itself_and_ends(browser: Browser, url: str, copy: Path) -> None:
    with Store.open(copy) as store:
        run = a_run(
            "20250105-000000-live", started_s=1_736_100_000.0, cells_planned=3, plan={"targets": ["process"]}
        )
        store.create_run(run)
        shown = Shown(browser)
        page = shown.open(f"{url}/runs/{run.run_id}")
        told = page.locator(".progress .told")
        assert "0 of 3 cells" in told.inner_text()
        store.add_cell(run.run_id, a_cell(0), [some()])
        page.wait_for_function("() => document.querySelector('progress').value === 1")
        assert "1 of 3 cells" in told.inner_text()
        assert run.run_id in Shown(browser).open(url).locator("#live").locator("..").inner_text()
        store.finish_run(run.run_id, RunState.FINISHED, 1_736_100_009.0)
        page.wait_for_selector("section[aria-label=Progress]", state="detached")
        store.delete_run(run.run_id)
    page.close()


def test_zooming_a_trend_and_finding_a_series(browser: Browser, url: str) -> None:
    shown = Shown(browser)
    page = shown.open(trend(url, shown.page))
    shown.drawn()
    plot = "document.querySelector('.chart .plot')"
    zero = page.evaluate(f"{plot}.layout.yaxis.range[0]")
    assert zero <= 0 and "from zero" in page.evaluate(f"{plot}.layout.yaxis.title.text")
    started = page.locator("#points").locator("..").locator("tbody tr td").first.inner_text()
    drawn = page.evaluate(f"{plot}.data.find((trace) => trace.name || trace.error_y).x.at(-1)")
    assert started == f"{drawn[:10]} {drawn[11:19]} UTC"  # the axis and the table tell the same time
    whole = page.evaluate(f"{plot}.layout.xaxis.range")
    page.locator(".plot").first.scroll_into_view_if_needed()
    box = page.locator(".plot .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.98, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    before = json.dumps(json.dumps(whole, separators=(",", ":")))
    page.wait_for_function(f"() => JSON.stringify({plot}.layout.xaxis.range) !== {before}")
    assert page.evaluate(f"{plot}.layout.yaxis.range[0]") <= 0  # the zero stays
    page.goto(f"{url}/trends")
    page.fill("input[type=search]", "kylinx fork child")
    rows = page.locator("tbody tr:visible")
    assert rows.count() > 0
    assert all("kylinx" in text and "fork" in text for text in rows.all_inner_texts())
    page.close()


def test_exported_pages_open_from_the_file_system(browser: Browser, copy: Path, tmp_path: Path) -> None:
    site = tmp_path / "a site"
    done = kxbench("dashboard", "--store", copy, "--export", site)
    assert done.returncode == EXIT_OK, done.stderr
    assert done.stdout.strip() == str(site / "index.html")
    for path in site.rglob("*.html"):
        html = path.read_text(encoding="utf-8")
        for link in re.findall(r'(?:href|src|action)="([^"#]+)', html):
            if not link.startswith("data:"):
                assert (path.parent / link.replace("%3D", "=").partition("?")[0]).exists(), (path, link)
    shown = Shown(browser)
    page = shown.open((site / "index.html").as_uri())
    page.click(f"text={LATEST} >> nth=0")
    shown.drawn(4)
    page.go_back()
    page.click("text=kylinx against process")
    shown.drawn(3)
    shown.picture("export-compare", tmp_path)
    page.click("text=Trends")
    page.locator("tbody a").first.click()
    shown.drawn(1)
    assert BEFORE in page.inner_text("main")
    assert shown.said == []
    assert all(address.startswith(("file:", "data:", "blob:")) for address in shown.asked)
    page.close()
