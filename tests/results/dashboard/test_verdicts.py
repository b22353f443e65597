"""The gate's and the claims' words as the pages tell them; what is not understood is left out."""

from typing import Any

from results.baselines import Verdict, keep_verdict
from results.store import Store
from tests.results.dashboard.made import LATEST, Client, Page

CLAIM: dict[str, Any] = {
    "claim": {
        "id": "fork",
        "says": "fork takes at most 1.3 times as long",
        "source": "A paper",
        "against": {"target": "process"},
        "relation": {"at_most": 1.3},
        "published": {"ratio": 1.3},
    },
    "published_ratio": 1.3,
    "value": 0.61,
    "low": 0.55,
    "high": 0.68,
    "unit": "",
    "holding": "holds",
    "why": "",
}
METRIC: dict[str, Any] = {
    "target": "kylinx",
    "case": "fork[dirty_mib=1]",
    "kind": "fork",
    "series": "parent@program",
    "unit": "ns",
    "finding": "regression",
    "why": "three things say so",
    "baseline": 50_000.0,
    "run": 60_000.0,
    "ratio": 1.2,
    "low": 1.15,
    "high": 1.25,
}


def test_verdicts_are_shown_with_figure_interval_and_claim(client: Client, store: Store) -> None:
    cannot = {
        "claim": {"says": "of other machines"},
        "holding": "not measurable here",
        "why": "no such target",
    }
    told = {
        "decision": "regression",
        "baseline": {"name": "main@3"},
        "metrics": [METRIC, {"finding": "same"}],
    }
    keep_verdict(store, Verdict(LATEST, "gate", 1.0, 1, told))
    keep_verdict(store, Verdict(LATEST, "claims", 1.0, 0, {"claims": [CLAIM, cannot]}))
    overview = Page(client.get("/").text).text
    assert "Gate against main@3: regression" in overview
    assert "holds at most 1.3× 0.61× (0.55–0.68×) 1.30×" in overview
    assert "1 claims that could not be measured" in overview and "no such target" in overview
    run = Page(client.get(f"/runs/{LATEST}").text).text
    assert "regression 1.20× (1.15–1.25×) 50.0 µs 60.0 µs three things say so" in run
    assert "The gate against main@3: regression. Metrics: 1 regression, 1 same." in run


def test_what_the_gate_cannot_tell_is_folded_away_and_none_is_missing(client: Client, store: Store) -> None:
    unclear = METRIC | {"finding": "inconclusive", "ratio": None, "why": "too few deployments"}
    told = {"decision": "inconclusive", "metrics": [unclear] * 60}
    keep_verdict(store, Verdict(LATEST, "gate", 1.0, 3, told))
    html = client.get(f"/runs/{LATEST}").text
    gate = html[html.index('<section id="gate"') :]
    summary = gate.index("60 inconclusive, each with why")
    assert gate[summary:].count("too few deployments") == 60
    assert "too few deployments" not in gate[:summary]
    assert "no interval" not in gate[summary : gate.index("</details>")]  # there is no ratio either
    assert 'href="#gate"' in html and f'href="/runs/{LATEST}#gate"' in client.get("/").text


def test_reports_of_another_form_do_no_harm(client: Client, store: Store) -> None:
    strange: list[dict[str, Any]] = [
        {},
        {"decision": None, "baseline": "x", "metrics": "none", "claims": 3},
        {
            "metrics": [None, {"finding": "regression"}],
            "claims": [None, {}, {"claim": 1}, {"claim": {"relation": 4}}],
        },
    ]
    for report in strange:
        for kind in ("gate", "claims"):
            keep_verdict(store, Verdict(LATEST, kind, 1.0, 1, report))
        assert client.get("/").status_code == 200
        assert client.get(f"/runs/{LATEST}").status_code == 200
