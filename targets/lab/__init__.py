"""The suite's own place and the deployments' places: namespaces, cgroups, a lock, leftovers."""

from targets.lab.lab import Lab, Site, missing
from targets.lab.leftovers import Leftover, LeftoverKind, is_dead, leftovers, living, remove
from targets.lab.place import LabPlace

__all__ = [
    "Lab",
    "LabPlace",
    "Leftover",
    "LeftoverKind",
    "Site",
    "is_dead",
    "leftovers",
    "living",
    "missing",
    "remove",
]
