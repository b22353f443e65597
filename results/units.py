"""Numbers for people: the unit that fits, three significant digits, the interval in the same unit."""

import math
from dataclasses import dataclass

_STEPS: dict[str, tuple[tuple[float, str], ...]] = {
    "ns": ((1, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")),
    "bytes": ((1, "B"), (2**10, "KiB"), (2**20, "MiB"), (2**30, "GiB")),
    "bytes/s": ((1, "B/s"), (2**10, "KiB/s"), (2**20, "MiB/s"), (2**30, "GiB/s")),
    "ops/s": ((1, "/s"), (1e3, "k/s"), (1e6, "M/s")),
    "instructions": ((1, "instr."), (1e4, "k instr."), (1e7, "M instr.")),
    "1/30s": ((1, "/30 s"), (1e3, "k/30 s"), (1e6, "M/30 s")),
}
_NOUNS = {"redis": "req/s", "http": "req/s", "dns": "queries/s"}  # what an operation is, by family
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit for people: a value in the stored unit divided by ``size`` is in ``name``."""

    size: float
    name: str

    def number(self, value: float, like: float | None = None) -> str:
        """The value alone, with the decimals that ``like`` (by default itself) needs for three digits."""
        if not math.isfinite(value):
            return "–"
        value, like = value / self.size, (value if like is None else like) / self.size
        rounded = float(f"{abs(like):.{_DIGITS - 1}e}")
        decimals = 0
        if rounded and not (self.size == 1 and like == int(like)):
            decimals = max(0, _DIGITS - 1 - math.floor(math.log10(rounded)))
        text = f"{value:,.{min(decimals, 9)}f}".replace(",", "\u202f")
        return text.replace("-", "−") if float(f"{value:.{min(decimals, 9)}f}") else text.lstrip("-")

    def text(self, value: float) -> str:
        return f"{self.number(value)} {self.name}".rstrip()


def scale(value: float, unit: str, family: str = "") -> Scale:
    """The scale that shows ``value`` (in the stored ``unit``) as 1 to 999 where there is one."""
    steps = _STEPS.get(unit)
    if steps is None:
        return Scale(1, "" if unit == "1" else unit)
    fitting = [step for step in steps if abs(value) >= step[0]] if math.isfinite(value) else []
    size, name = fitting[-1] if fitting else steps[0]
    if unit == "ops/s" and family in _NOUNS:
        name = f"{name[:-2]} {_NOUNS[family]}".strip()
    return Scale(size, name)


def quantity(value: float, unit: str, family: str = "") -> str:
    """``41.3 µs``, ``16 MiB``, ``12.5 k req/s``; a dash for what is not finite."""
    return scale(value, unit, family).text(value)


def between(low: float, high: float, by: Scale, like: float) -> str:
    """``40.9–41.8``, in the scale and with the decimals of the estimate."""
    if not math.isfinite(high - low):
        return "no interval"
    return f"{by.number(low, like)}{' to ' if low < 0 else '–'}{by.number(high, like)}"


def ratio_between(low: float, high: float) -> str:
    """``0.97–1.08×``, of ratios."""
    return f"{ratio(low).removesuffix('×')}–{ratio(high)}" if math.isfinite(high - low) else "no interval"


def ratio(value: float) -> str:
    """``1.03×``; more decimals near one, where they matter."""
    if not math.isfinite(value):
        return "–"
    digits = 3 if 0.9 < value < 1.1 else 2 if value < 10 else 1 if value < 100 else 0
    if value < 0.1:
        return f"{value:#.2g}×"
    return f"{value:.{digits}f}×"


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 05 s``, ``2 h 10 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
