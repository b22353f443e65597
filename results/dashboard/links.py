"""Where pages are: addresses of a server, or files of an export beside one another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlencode

from results.dashboard.hooks import Side


class Links(Protocol):
    """``None`` where there is no such page."""

    @property
    def live(self) -> bool:
        """Served: charts may be fetched, forms may be sent."""
        ...

    def asset(self, name: str) -> str: ...
    def page(self, name: str) -> str: ...  # overview, compare, trends, systems, api
    def run(self, run_id: str) -> str | None: ...
    def trend(self, series_id: int, against: str = "") -> str | None: ...
    def compare(self, a: Side, b: Side) -> str | None: ...
    def download(self, run_id: str, cell: int | None = None) -> str | None: ...


def part(text: str) -> str:
    """A piece of a path. Undecodable bytes have no place in an address: such a link leads nowhere."""
    return quote(text, safe="", errors="replace")


def query(found: Mapping[str, str]) -> str:
    return urlencode({key: value for key, value in found.items() if value}, errors="replace")


@dataclass(frozen=True, slots=True)
class ServedLinks:
    version: str  # of the assets, so that they may be cached for good
    live: bool = True

    def asset(self, name: str) -> str:
        return f"/assets/{name}?v={self.version}"

    def page(self, name: str) -> str:
        return "/" if name == "overview" else f"/{name}"

    def run(self, run_id: str) -> str:
        return f"/runs/{part(run_id)}"

    def trend(self, series_id: int, against: str = "") -> str:
        return f"/trends/{series_id}" + (f"?{query({'against': against})}" if against else "")

    def compare(self, a: Side, b: Side) -> str:
        told = {"a": a.run_id, "a_target": a.target, "b": b.run_id, "b_target": b.target}
        return f"/compare?{query(told)}"

    def download(self, run_id: str, cell: int | None = None) -> str:
        base = f"/api/v1/runs/{part(run_id)}"
        return f"{base}/export" if cell is None else f"{base}/cells/{cell}/samples"


@dataclass(frozen=True, slots=True)
class FileLinks:
    """``up`` leads from the page to the export's top. Pages that are not exported have no link."""

    up: str
    runs: frozenset[str]
    trends: frozenset[int]
    compared: frozenset[tuple[Side, Side]]
    live: bool = False

    def asset(self, name: str) -> str:
        return f"{self.up}assets/{name}"

    def page(self, name: str) -> str:
        return self.up + {"overview": "index.html"}.get(name, f"{name}.html")

    def run(self, run_id: str) -> str | None:
        return f"{self.up}runs/{part(file_name(run_id))}.html" if run_id in self.runs else None

    def trend(self, series_id: int, against: str = "") -> str | None:
        return f"{self.up}trends/{series_id}.html" if series_id in self.trends else None

    def compare(self, a: Side, b: Side) -> str | None:
        if (a, b) not in self.compared:
            return None
        return f"{self.up}compare/{part(compared_name(a, b))}.html"

    def download(self, run_id: str, cell: int | None = None) -> str | None:
        return None

    @property
    def pairs(self) -> list[tuple[Side, Side]]:
        """The comparisons that there are, in their order."""
        return sorted(self.compared, key=lambda pair: (pair[1].name, pair[0].name))


def file_name(text: str) -> str:
    """A file's name for any id: what is not a letter, digit, dot or dash is written as its bytes."""
    return part(text).replace("%", "=").replace("~", "=7E")


def compared_name(a: Side, b: Side) -> str:
    return f"{file_name(a.name)}..{file_name(b.name)}"
