"""Claims as they are written down: TOML, one ``[[claims]]`` each."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.plan import check_params, explain
from vocabulary import UsageError
from workloads import case_kind

SHIPPED = Path(__file__).parent / "published"

Text = Annotated[str, Field(min_length=1, max_length=500)]
Positive = Annotated[float, Field(gt=0)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(_Part):
    """A figure of the suite: ``metric`` of kind of case ``case`` on ``target``. ``params`` and ``labels`` are
    those that matter; of cases that differ in others, the one nearest to the defaults is meant."""

    target: Text
    case: Text
    metric: Text
    params: dict[str, Any] = {}
    labels: dict[str, str | int | float] = {}


class Against(_Part):
    """The figure it is set in ratio to: what is not said is as in ``measured``."""

    target: Text | None = None
    case: Text | None = None
    metric: Text | None = None
    params: dict[str, Any] | None = None
    labels: dict[str, str | int | float] | None = None


class Relation(_Part):
    """What is claimed of the ratio, or of the figure where the claim has no ``against``: at most, at least,
    both, or within a share of a value (``within = 0.1, of = 1.0``: 0.9 to 1.1)."""

    at_most: Positive | None = None
    at_least: Positive | None = None
    within: Annotated[float, Field(gt=0, lt=1)] | None = None
    of: Positive | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.within is not None and (self.at_most is not None or self.at_least is not None):
            raise ValueError("within stands alone, with of")
        if self.within is None and self.of is not None:
            raise ValueError("of goes with within")
        if self.within is None and self.at_most is None and self.at_least is None:
            raise ValueError("say at_most, at_least or within")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError("at_least is above at_most: nothing could hold")
        return self

    def bounds(self) -> tuple[float, float]:
        if self.within is not None:
            middle = 1.0 if self.of is None else self.of
            return middle * (1 - self.within), middle * (1 + self.within)
        low = 0.0 if self.at_least is None else self.at_least
        return low, math.inf if self.at_most is None else self.at_most

    def words(self, unit: str = "") -> str:
        if self.within is not None:
            return f"within {self.within:.0%} of {self.of or 1:g}{unit}"
        parts = [f"at least {self.at_least:g}{unit}"] if self.at_least is not None else []
        parts += [f"at most {self.at_most:g}{unit}"] if self.at_most is not None else []
        return " and ".join(parts)


class Published(_Part):
    """As published: two figures in ``unit``, or their ``ratio``, or ``words``."""

    measured: Positive | None = None
    against: Positive | None = None
    unit: str = ""
    ratio: Positive | None = None
    words: str = ""

    @property
    def of_both(self) -> float | None:
        """The ratio, where the figures tell it."""
        if self.ratio is None and self.measured is not None and self.against is not None:
            return self.measured / self.against
        return self.ratio


class Claim(_Part):
    """``cannot`` says why the suite has no figure for it: such a claim is listed and never judged. ``note``
    is what to know when reading the verdict (other hardware, a relation of our own making)."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
    says: Text
    source: Text
    where: str = ""
    hardware: str = ""
    measured: Measured | None = None
    against: Against | None = None
    relation: Relation | None = None
    published: Published = Published()
    cannot: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.cannot and (self.measured is None or self.relation is None):
            raise ValueError("say measured and relation, or why it cannot be measured (cannot)")
        return self

    def sides(self) -> tuple[Measured, Measured | None]:
        """What is measured, and what it is set in ratio to, if anything."""
        assert self.measured is not None
        if self.against is None:
            return self.measured, None
        said = {key: value for key, value in self.against.model_dump().items() if value is not None}
        return self.measured, Measured.model_validate({**self.measured.model_dump(), **said})


def shipped() -> dict[str, Path]:
    """Names and files of the claims that come with the suite."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def load(names: Sequence[str]) -> list[Claim]:
    """Of files, or shipped ones by name; all shipped ones if none is named. Raises UsageError naming file,
    claim and key."""
    found: list[Claim] = []
    for name in names or list(shipped()):
        path = shipped().get(name) or Path(name)
        if name not in shipped() and not path.is_file():
            near = get_close_matches(name, shipped(), n=1)
            raise UsageError(
                f"no claims named {name!r} and no such file",
                remedy=(f"did you mean {near[0]}? " if near else "")
                + f"shipped: {', '.join(shipped())}; or the path of a TOML file (docs/claims.md)",
            )
        found += parse(_read(path), str(path))
    seen: set[str] = set()
    for claim in found:
        if claim.id in seen:
            raise UsageError(
                f"two claims are called {claim.id}", remedy="name a file once; give each its own id"
            )
        seen.add(claim.id)
    return found


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"not valid TOML: {error}", where=str(path), remedy="mend that line") from error
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="check the path"
        ) from error


def parse(data: Mapping[str, Any], where: str) -> list[Claim]:
    """Raises UsageError that names every wrong key."""
    given = data.get("claims")
    if unknown := set(data) - {"claims"}:
        raise UsageError(
            f"no such key: {', '.join(sorted(unknown))}", where=where, remedy="a claims file has [[claims]]"
        )
    if not isinstance(given, list) or not given:
        raise UsageError("holds no claim", where=where, remedy="write [[claims]], see docs/claims.md")
    claims = []
    for number, entry in enumerate(given):
        place = f"{where}: claims.{number}"
        try:
            claim = Claim.model_validate(entry)
        except ValidationError as error:
            known = list(Claim.model_fields)
            raise UsageError(explain(error, known), where=place, remedy="see docs/claims.md") from error
        for side in claim.sides() if claim.measured else ():
            if side is not None:
                check_params(case_kind(side.case), side.params, place)
        claims.append(claim)
    return claims
