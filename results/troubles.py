"""Cells that are not ok, told once: by outcome and reason, then by case."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vocabulary import CellRecord, Outcome

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_MOST_CONSOLES = 3
_ORDER = {Outcome.FAILED: 0, Outcome.UNSUPPORTED: 1, Outcome.NOISY: 2}


@dataclass(frozen=True, slots=True)
class TroubledCase:
    """``cells`` names each with its block, from 1; ``consoles`` are (cell, text) of failed cells, a few of
    them, and ``unshown`` how many more there are."""

    case: str
    target: str
    count: int
    cells: str
    reason: str
    consoles: tuple[tuple[str, str], ...]
    unshown: int


@dataclass(frozen=True, slots=True)
class Trouble:
    outcome: str
    reason: str
    count: int
    cases: tuple[TroubledCase, ...]


def troubles_of(cells: Iterable[CellRecord]) -> tuple[Trouble, ...]:
    """Failed ones first, then what befell the most cells. Noisy cells whose reasons differ by their numbers
    alone are told together, with the numbers' ranges; failed ones only where the reason is the same."""
    grouped: dict[tuple[Outcome, str], list[CellRecord]] = defaultdict(list)
    for cell in cells:
        if cell.outcome is not Outcome.OK:
            alike = _NUMBER.sub("0", cell.reason) if cell.outcome is Outcome.NOISY else cell.reason
            grouped[cell.outcome, alike].append(cell)
    order = sorted(grouped.items(), key=lambda item: (_ORDER[item[0][0]], -len(item[1])))
    return tuple(
        Trouble(str(outcome), _reason([cell.reason for cell in members]), len(members), _cases(members))
        for (outcome, _), members in order
    )


def _reason(reasons: Sequence[str]) -> str:
    """Reasons that differ by numbers alone as one, those numbers as ranges."""
    numbers = zip(*(_NUMBER.findall(reason) for reason in reasons), strict=True)
    ranges = []
    for column in numbers:
        low, high = min(column, key=float), max(column, key=float)
        ranges.append(low if low == high else f"{low}–{high}")
    words = _NUMBER.split(reasons[0])
    told = "".join(word + number for word, number in zip(words, [*ranges, ""], strict=True))
    return told or "no reason was recorded"


def _cases(cells: Iterable[CellRecord]) -> tuple[TroubledCase, ...]:
    grouped: dict[tuple[str, str], list[CellRecord]] = defaultdict(list)
    for cell in cells:
        grouped[cell.case, cell.target].append(cell)
    return tuple(_case(case, target, members) for (case, target), members in grouped.items())


def _case(case: str, target: str, members: Sequence[CellRecord]) -> TroubledCase:
    spoken = [cell for cell in members if cell.outcome is Outcome.FAILED and cell.console.strip()]
    return TroubledCase(
        case=case,
        target=target,
        count=len(members),
        cells="; ".join(map(_place, members)),
        reason=_reason([cell.reason for cell in members]),
        consoles=tuple((_place(cell), cell.console) for cell in spoken[:_MOST_CONSOLES]),
        unshown=max(0, len(spoken) - _MOST_CONSOLES),
    )


def _place(cell: CellRecord) -> str:
    """``block 2, cell 31, with fork``; blocks count from 1, as on the command line."""
    block = f"block {cell.block + 1}" if cell.block >= 0 else "warm-up"
    return f"{block}, cell {cell.index}" + (f", with {', '.join(cell.probes)}" if cell.probes else "")
