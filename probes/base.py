"""What the probes have in common: parts compiled once, started and stopped together, read at the end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from probes.monitor import MONITOR
from probes.part import Part
from probes.program import Program, load_bcc, usdt_of
from vocabulary import KxbenchError, ProbeReading, ProbeScope, UnsupportedError

_MOST_BINARIES = 32  # whose programs are kept compiled; the oldest goes


class BpfProbe:
    """A probe of parts. A subclass says what they are and, where need be, what else to do.

    ``of_programs``: it watches what programs do (system calls, USDT), which in a pVM no probe of the host's
    sees: there it attaches to the monitor instead, if it knows how. ``only_monitor``: to nothing else."""

    name = ""
    summary = ""
    of_programs = False
    only_monitor = False

    def __init__(self) -> None:
        self._main: Part | None = None
        self._by_binary: dict[tuple[Path, int, int, bool], Part | None] = {}

    # What a subclass defines.

    def make_main(self) -> Part | None:
        """The part that every attachment needs."""
        return None

    def make_usdt(self, binary: Path, probes: frozenset[str]) -> Part | None:
        """The part for a binary with these USDT probes of ours, if it has those this probe knows."""
        return None

    def make_monitor(self, binary: Path) -> Part | None:
        """The part for the monitor of pVMs, if this probe can do with what is seen there."""
        return None

    def parts(self, scope: ProbeScope) -> Sequence[Part]:
        """What to attach for this scope."""
        main = self._main_part()
        return [*([main] if main else []), *self.usdt_parts(scope)]

    def configuration(self, scope: ProbeScope) -> Mapping[str, int]:
        """The values for the configuration slots ``a`` and ``b`` of all parts."""
        return {}

    @contextmanager
    def watching(self, scope: ProbeScope, reading: ProbeReading) -> Iterator[None]:
        """Whatever else is done while the programs are attached; may add to the reading."""
        yield

    # What is offered.

    def missing(self) -> str:
        """Attaches its programs to an empty cgroup (id 0 is no cgroup's) and detaches them."""
        try:
            load_bcc()
            part = self._main_part()
            if part:
                try:
                    part.start(0)
                finally:
                    part.stop()
        except KxbenchError as error:
            return f"{error}; {error.remedy}" if error.remedy else str(error)
        return ""

    @contextmanager
    def attach(self, scope: ProbeScope) -> Iterator[ProbeReading]:
        """See vocabulary.Probe. The reading is complete when the ``with`` is left."""
        reading = ProbeReading()
        parts = self.chosen_parts(scope)
        settings = self.configuration(scope)
        with ExitStack() as stack:
            for part in parts:
                stack.callback(part.stop)
                part.start(scope.place.cgroup_id, **settings)
            stack.enter_context(self.watching(scope, reading))
            yield reading
        for part in parts:
            part.read(self.name, reading)

    def chosen_parts(self, scope: ProbeScope) -> Sequence[Part]:
        """``parts``, or the monitor's. Raises UnsupportedError where the target has nothing to attach to."""
        monitor = scope.binaries.get(MONITOR)
        if monitor and (self.of_programs or self.only_monitor):
            part = self._cached_part(monitor, at_monitor=True)
            if part:
                return [part]
            raise UnsupportedError(
                f"the {self.name} probe has nothing to attach to: system calls and USDT probes of programs"
                " in a pVM are not seen from outside, and its monitor has no probes of this kind",
                remedy="leave it out for this target: targets = [...] in the plan's case",
            )
        if self.only_monitor:
            raise UnsupportedError(
                f"the {self.name} probe has nothing to attach to: the target has no monitor of pVMs",
                remedy='targets = ["kylinx"] in the plan\'s case keeps it to a target that has one',
            )
        return self.parts(scope)

    def close(self) -> None:
        for part in [self._main, *self._by_binary.values()]:
            if part:
                part.close()
        self._main = None
        self._by_binary.clear()

    def main_program(self) -> Program:
        part = self._main_part()
        assert part
        return part.program

    def _main_part(self) -> Part | None:
        if not self._main:
            self._main = self.make_main()
        return self._main

    def usdt_parts(self, scope: ProbeScope) -> Sequence[Part]:
        parts = [
            self._cached_part(binary, at_monitor=False) for binary in dict.fromkeys(scope.binaries.values())
        ]
        return [part for part in parts if part]

    def _cached_part(self, binary: Path, *, at_monitor: bool) -> Part | None:
        facts = binary.stat()
        key = (binary, facts.st_mtime_ns, facts.st_size, at_monitor)
        if key not in self._by_binary:
            while len(self._by_binary) >= _MOST_BINARIES:
                oldest = self._by_binary.pop(next(iter(self._by_binary)))
                if oldest:
                    oldest.close()
            self._by_binary[key] = (
                self.make_monitor(binary) if at_monitor else self.make_usdt(binary, usdt_of(binary))
            )
        return self._by_binary[key]
