"""What the probes have in common: parts compiled once, started and stopped together, read at the end."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from probes.part import Part
from probes.program import Program, usdt_of
from vocabulary import KxbenchError, ProbeReading, ProbeScope

_MOST_BINARIES = 32  # whose programs are kept compiled; the oldest goes


class BpfProbe:
    """A probe of parts. A subclass says what they are and, where need be, what else to do.

    ``ring_pages`` is the size of the buffer for exact values, a power of two."""

    name = ""
    summary = ""

    def __init__(self) -> None:
        self._main: Part | None = None
        self._by_binary: dict[tuple[Path, int, int], Part | None] = {}

    # What a subclass defines.

    def make_main(self) -> Part | None:
        """The part that every attachment needs."""
        return None

    def make_usdt(self, binary: Path, probes: frozenset[str]) -> Part | None:
        """The part for a binary with these USDT probes of ours, if it has those this probe knows."""
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
        parts = self.parts(scope)
        settings = self.configuration(scope)
        with ExitStack() as stack:
            for part in parts:
                stack.callback(part.stop)
                part.start(scope.place.cgroup_id, **settings)
            stack.enter_context(self.watching(scope, reading))
            yield reading
        for part in parts:
            part.read(self.name, reading)

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
        parts = [self._usdt_part(binary) for binary in dict.fromkeys(scope.binaries.values())]
        return [part for part in parts if part]

    def _usdt_part(self, binary: Path) -> Part | None:
        facts = binary.stat()
        key = (binary, facts.st_mtime_ns, facts.st_size)
        if key not in self._by_binary:
            while len(self._by_binary) >= _MOST_BINARIES:
                oldest = self._by_binary.pop(next(iter(self._by_binary)))
                if oldest:
                    oldest.close()
            self._by_binary[key] = self.make_usdt(binary, usdt_of(binary))
        return self._by_binary[key]
