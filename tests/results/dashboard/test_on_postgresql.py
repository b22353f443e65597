"""The same pages over a store on PostgreSQL."""

from pathlib import Path

from bench.dashboard import hooks
from bench.judged import judge_what_is_not
from results.dashboard.app import create_app
from results.dashboard.guard import Access
from results.dashboard.source import Source
from results.store import Store
from tests.results.dashboard.made import BEFORE, LATEST, Client, Page
from tests.results.test_postgresql import server

__all__ = ["server"]


def test_pages_say_the_same_on_postgresql(server: str, judged: Path, tmp_path: Path) -> None:
    with (
        Store.open(judged / "kxbench.sqlite") as own,
        Store.open(server, tmp_path / "samples") as store,
    ):
        for run_id in (BEFORE, LATEST):
            store.add_run(own.run(run_id), own.samples(run_id))
        assert list(judge_what_is_not(store, set())) == [(BEFORE, ""), (LATEST, "")]
        clients = [Client(create_app(Source(one, hooks()), Access())) for one in (own, store)]
        within = f"/compare?a={LATEST}&a_target=process&b={LATEST}&b_target=kylinx"
        for path in ("/", f"/runs/{LATEST}", within, f"/compare?a={BEFORE}&b={LATEST}", "/systems"):
            texts = [Page(client.get(path).text).text for client in clients]
            assert texts[0] == texts[1] and LATEST in texts[0], path
        numbers = [client.get("/api/v1/series").json()["series"] for client in clients]
        assert [s | {"series_id": 0} for s in numbers[0]] == [s | {"series_id": 0} for s in numbers[1]]
        trend = clients[1].get(f"/trends/{numbers[1][0]['series_id']}")
        assert trend.status_code == 200 and BEFORE in trend.text
        etag = clients[1].get("/").headers["etag"]
        assert clients[1].get("/", headers={"if-none-match": etag}).status_code == 304
        store.delete_run(BEFORE)
        assert f"What changed since {BEFORE}" not in Page(clients[1].get("/").text).text
        store.delete_run(LATEST)
