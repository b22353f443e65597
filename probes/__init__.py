"""What watches: eBPF probes by bcc. Importing this imports no bcc; README.md tells what each probe measures.

A new probe is a line in ``PROBES`` and a class with the methods of ``vocabulary.Probe``."""

from importlib import import_module
from typing import cast

from vocabulary import Probe, UsageError

PROBES: dict[str, str] = {
    "fork": "probes.fork:ForkProbe",
    "ipc": "probes.ipc:IpcProbe",
    "library": "probes.library:LibraryProbe",
    "sched": "probes.sched:SchedProbe",
    "memory": "probes.memory:MemoryProbe",
    "wire": "probes.wire:WireProbe",
    "pvm": "probes.pvm:PvmProbe",
}


def make_probe(name: str) -> Probe:
    """A new probe, nothing of it compiled yet; ``close()`` it in the end. Raises UsageError."""
    if name not in PROBES:
        raise UsageError(f"no probe is called '{name}'", remedy=f"choose from {', '.join(PROBES)}")
    module, _, cls = PROBES[name].partition(":")
    return cast(Probe, getattr(import_module(module), cls)())
