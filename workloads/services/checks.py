"""The correctness pass: questions to a real client, grouped by feature, asked before any timing."""

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from vocabulary import TargetError, UsageError

C = TypeVar("C")
_SHOWN = 120
DEADLINE_S = 90.0
"""No correctness pass takes longer; each client's own time-out bounds a single question."""


class Wrong(Exception):
    """An answer that is not the expected one."""


def same(what: str, actual: object, expected: object) -> None:
    """Raises Wrong, with both values cut to 120 characters, unless they are equal."""
    if actual != expected:
        raise Wrong(f"{what}: {_short(actual)} instead of {_short(expected)}")


def true(what: str, holds: object) -> None:
    if not holds:
        raise Wrong(what)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"


@dataclass(frozen=True, slots=True)
class Check(Generic[C]):
    feature: str
    name: str
    ask: Callable[[C], None]


class Checks(Generic[C]):
    """A service's questions in the order written. ``errors`` are what its client raises when the server
    answers wrongly or not at all; anything else is a bug of ours and is let through."""

    def __init__(self, service: str, errors: tuple[type[Exception], ...]) -> None:
        self.service = service
        self._errors: tuple[type[Exception], ...] = (*errors, OSError, Wrong)
        self._checks: list[Check[C]] = []

    def of(self, feature: str) -> Callable[[Callable[[C], None]], Callable[[C], None]]:
        """Decorator: the function asks its client something of ``feature`` and raises Wrong."""

        def add(ask: Callable[[C], None]) -> Callable[[C], None]:
            self._checks.append(Check(feature, ask.__name__.strip("_").replace("_", " "), ask))
            return ask

        return add

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(check.feature for check in self._checks))

    def chosen(self, features: Collection[str]) -> list[Check[C]]:
        """The checks of these features; all of them when none are named. Raises UsageError."""
        unknown = set(features) - set(self.features)
        if unknown:
            raise UsageError(
                f"no such feature of {self.service}: {', '.join(sorted(unknown))}",
                where="features",
                remedy=f"choose from {', '.join(self.features)}",
            )
        return [check for check in self._checks if not features or check.feature in features]

    def run(
        self, client: C, where: str, features: Collection[str] = (), deadline_s: float = DEADLINE_S
    ) -> int:
        """Ask all; returns how many were asked. Raises TargetError naming the first wrong answer."""
        return self._ask(self.chosen(features), client, where, time.monotonic() + deadline_s)

    def _ask(self, checks: Iterable[Check[C]], client: C, where: str, deadline: float) -> int:
        asked = 0
        for check in checks:
            try:
                true("the correctness pass is out of time", time.monotonic() < deadline)
                check.ask(client)
            except self._errors as error:
                said = str(error) if isinstance(error, Wrong) else f"{type(error).__name__}: {error}"
                raise TargetError(
                    f"wrong answer to the {self.service} check '{check.feature}: {check.name}': {said}",
                    where=where,
                    remedy="the server is not correct, so it was not timed; try the same request by hand",
                ) from error
            asked += 1
        return asked
