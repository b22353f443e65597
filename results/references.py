"""Published figures, from references.toml: shown beside what was measured, never mixed with it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "references.toml"


@dataclass(frozen=True, slots=True)
class Reference:
    """A figure of a paper. ``low`` equals ``high`` for a single value; both are None where only words were
    published. ``charts`` are the ``kind.metric`` whose charts show it as a line."""

    family: str
    system: str
    event: str
    low: float | None
    high: float | None
    unit: str
    source: str
    where: str
    hardware: str
    about: bool
    charts: tuple[str, ...]


def load(path: Path = FILE) -> tuple[Reference, ...]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    sources = data["sources"]
    return tuple(
        Reference(
            family=figure["family"],
            system=figure["system"],
            event=figure["event"],
            low=figure.get("low", figure.get("value")),
            high=figure.get("high", figure.get("value")),
            unit=figure["unit"],
            source=sources[figure["source"]]["text"],
            where=figure.get("where", ""),
            hardware=sources[figure["source"]].get("hardware", ""),
            about=figure.get("about", False),
            charts=tuple(figure.get("charts", ())),
        )
        for figure in data["figures"]
    )
