"""What a plan may say of how its metrics are to be judged: the table ``[gate]``."""

import re
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

Threshold = Annotated[float, Field(ge=0, le=100)]


class GateSettings(BaseModel):
    """Thresholds are shares: 0.05 is five per cent. Patterns have ``*`` and ``?`` and are held against
    ``METRIC``, ``KIND.METRIC``, ``CASE SERIES`` and ``TARGET CASE SERIES``; of several that fit, the first
    counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: Annotated[float, Field(gt=0, le=0.2, description="chance of any false alarm in one gate")] = 0.05
    threshold: Annotated[Threshold | None, Field(description="of every metric without one of its own")] = None
    thresholds: Annotated[dict[str, Threshold], Field(description="by pattern; go before calibration")] = {}
    ignore: Annotated[tuple[str, ...], Field(description="patterns of what is not judged")] = ()
    blind: Annotated[float, Field(gt=0, description="a slowdown of this size must be excluded to pass")] = 1.0
    absolute: Annotated[
        bool | None, Field(description="judge what has no control as well; by default if nothing has one")
    ] = None
    noisy: Annotated[bool, Field(description="use deployments that ended noisy as well")] = False

    @field_validator("thresholds", "ignore")
    @classmethod
    def _said(cls, given: Iterable[str]) -> Iterable[str]:
        if any(not pattern.strip() for pattern in given):
            raise ValueError("an empty pattern")
        return given


def fits(pattern: str, names: Iterable[str]) -> bool:
    """Whether a pattern fits any of the names. Brackets are themselves: case ids are full of them."""
    wanted = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return any(re.fullmatch(wanted, name) for name in names)


def names_of(target: str, case: str, kind: str, series: str, metric: str) -> tuple[str, ...]:
    """What patterns are held against."""
    return metric, f"{kind}.{metric}", f"{case} {series}", f"{target} {case} {series}"
