"""Published figures, from references.toml: shown beside what was measured, never mixed with it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "references.toml"


@dataclass(frozen=True, slots=True)
class Reference:
    """A figure of a paper. ``low`` equals ``high`` for a single value; both are None where ``words`` were
    published instead. ``charts`` are the ``kind.metric`` whose charts show it as a
    line; ``params`` and ``labels`` those of the cases and series that are like it, all if empty.
    ``conditions`` are parameters that it was published at and ours may differ in; ``here`` is what ours are
    where the case does not say."""

    family: str
    system: str
    event: str
    low: float | None
    high: float | None
    unit: str
    source: str
    where: str
    hardware: str
    words: str
    about: bool
    charts: tuple[str, ...]
    params: Mapping[str, Any]
    labels: Mapping[str, Any]
    conditions: Mapping[str, Any]
    here: Mapping[str, Any]


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
            words=figure.get("words", ""),
            about=figure.get("about", False),
            charts=tuple(figure.get("charts", ())),
            params=figure.get("params", {}),
            labels=figure.get("labels", {}),
            conditions=figure.get("conditions", {}),
            here=figure.get("here", {}),
        )
        for figure in data["figures"]
    )
