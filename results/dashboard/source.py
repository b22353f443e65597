"""What pages and API are made of: the store, what bench lends, and what was found since the store changed."""

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from results import history
from results.curves import Curves, curves_of
from results.dashboard.hooks import Hooks, Side
from results.judgements import Judgement, comparisons_of, judgement_of
from results.store import Store
from vocabulary import CellRecord, ComparisonRow, RunRecord, RunState, UsageError

Found = TypeVar("Found")
_MOST_KEPT = 512


class Memo:
    """The results of the last calls, until the store changes. Threads that ask for the same wait for one."""

    def __init__(self, most: int = _MOST_KEPT) -> None:
        self._most, self._version = most, ""
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._guard = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, version: str, key: Hashable, make: Callable[[], Found]) -> Found:
        with self._guard:
            if version != self._version:
                self._kept.clear()
                self._version = version
            if key in self._kept:
                self._kept.move_to_end(key)
                return cast(Found, self._kept[key])
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._guard:
                if key in self._kept and version == self._version:
                    return cast(Found, self._kept[key])
            made = make()
            with self._guard:
                self._making.pop(key, None)
                if version == self._version:
                    self._kept[key] = made
                    while len(self._kept) > self._most:
                        self._kept.popitem(last=False)
        return made

    def has(self, version: str, key: Hashable) -> bool:
        with self._guard:
            return version == self._version and key in self._kept


@dataclass(slots=True)
class Source:
    """Reads a store for pages. Everything here may raise StoreError; names that are not there UsageError."""

    store: Store
    hooks: Hooks
    memo: Memo = field(default_factory=Memo)
    lasting: Memo = field(default_factory=Memo)  # of what depends on its key alone

    def kept(self, key: Hashable, make: Callable[[], Found]) -> Found:
        return self.memo.get(self.store.version(), key, make)

    def run(self, name: str) -> RunRecord:
        return self.store.run(name)

    def judgement(self, run: RunRecord, deployments: bool = False) -> Judgement:
        """What is kept of a run; of one that is not judged (a read-only store) it is made, and not kept."""
        if self._is_kept(run):
            return judgement_of(self.store, run.run_id, deployments)
        return self._made(run)

    def comparisons(self, run: RunRecord) -> Judgement:
        """The same without figures."""
        return comparisons_of(self.store, run.run_id) if self._is_kept(run) else self._made(run)

    def _is_kept(self, run: RunRecord) -> bool:
        known = self.runs().get(run.run_id)
        return run.state is RunState.RUNNING or (known is not None and known.judged)

    def _made(self, run: RunRecord) -> Judgement:
        return self.kept(("judged", run.run_id), lambda: self.hooks.judge(self.store, run))

    def runs(self) -> dict[str, history.Brief]:
        """Every run in brief by its id, the newest first."""
        return self.kept("runs", lambda: {b.run_id: b for b in history.briefs(self.store)})

    def series(self) -> dict[int, history.SeriesId]:
        return self.kept("series", lambda: {s.series_id: s for s in history.all_series(self.store)})

    def trended(self) -> list[history.SeriesId]:
        """Those whose history tells something: that can be better or worse, of the code as it was."""
        return [s for s in self.series().values() if s.better != "neither" and not s.of_a_commit]

    def machine_name(self, run_id: str) -> str:
        """Of the machine of a run, for people."""
        return self.kept(("machine", run_id), lambda: machine_text(self.run(run_id)))

    def machine_names(self, runs: Mapping[str, str]) -> dict[str, str]:
        """Of machines, each given with one of its runs. Those that would be called the same (other settings,
        say) have a piece of their fingerprints beside the name."""
        names = {machine: self.machine_name(run_id) for machine, run_id in runs.items()}
        times = Counter(names.values())
        return {m: name if times[name] == 1 else f"{name} ({m[:6]})" for m, name in names.items()}

    def curves(self, run_id: str, which: Hashable, wanted: Callable[[CellRecord], bool]) -> Curves:
        """Of the cells wanted (``which`` names them), from their samples; those of a finished run are kept,
        whatever else the store gets. Raises StoreError where a file is gone or damaged."""
        known = self.runs().get(run_id)
        if known is None or known.state is not RunState.FINISHED:
            return curves_of(self.store.samples(run_id, wanted=wanted))
        key = ("curves", run_id, known.finished_s, which)
        return self.lasting.get("", key, lambda: curves_of(self.store.samples(run_id, wanted=wanted)))

    def comparison(self, a: Side, b: Side) -> Sequence[ComparisonRow]:
        """``b`` against ``a``: as judged where they are targets of one run, else through ``Hooks``."""
        if a.run_id == b.run_id and a.target and b.target:
            rows = self.comparisons(self.run(a.run_id)).comparisons
            found = [row for row in rows if (row.a, row.b) == (a.target, b.target)]
            if found:
                return found
        if a == b:
            raise UsageError(f"{a.name} would be compared with itself", remedy="choose another run or target")
        return self.kept(("compare", a, b), lambda: self.hooks.compare(self.store, a, b))


def machine_text(run: RunRecord) -> str:
    known = run.environment
    cpus = known.get("cpus")
    parts = (known.get("host"), known.get("cpu_model"), f"{cpus} CPUs" if cpus else "", known.get("kernel"))
    return ", ".join(str(part) for part in parts if part) or "machine not recorded"
