"""What each target can do: what it says it can, and what stored runs have shown."""

from dataclasses import dataclass

from results import history
from results.dashboard.hooks import Kind, System
from results.dashboard.source import Source
from results.families import FAMILIES, OTHER, Family, family_of
from vocabulary import Outcome


@dataclass(frozen=True, slots=True)
class Ability:
    """Of one target for one kind of case. ``state``: verified (a cell ended ok), noisy, failed, unsupported,
    claimed (it offers what the kind needs; not measured), none. ``run_id`` is the last run that shows it."""

    state: str
    told: str
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    kind: str
    summary: str
    needs: str
    abilities: tuple[Ability, ...]  # one a target


@dataclass(frozen=True, slots=True)
class Group:
    family: Family
    features: tuple[Feature, ...]


@dataclass(frozen=True, slots=True)
class Systems:
    targets: tuple[System, ...]
    groups: tuple[Group, ...]
    counts: tuple[tuple[int, int], ...]  # of each target: kinds verified, kinds there are


_BY_OUTCOME = {
    Outcome.OK: "verified",
    Outcome.NOISY: "noisy",
    Outcome.FAILED: "failed",
    Outcome.UNSUPPORTED: "unsupported",
}


def systems_of(source: Source) -> Systems:
    return source.kept("systems", lambda: _systems(source))


def _systems(source: Source) -> Systems:
    ended: dict[tuple[str, str], dict[Outcome, history.Ended]] = {}
    for one in history.endings(source.store):
        ended.setdefault((one.target, one.kind), {})[one.outcome] = one
    known = {system.name: system for system in source.hooks.systems()}
    for target, _ in sorted(ended):
        known.setdefault(target, System(target, _twin(target, known), frozenset()))
    kinds = {kind.name: kind for kind in source.hooks.kinds()}
    for _, name in sorted(ended):
        kinds.setdefault(name, Kind(name, "", frozenset()))
    targets = tuple(known.values())
    features = [
        Feature(
            kind.name,
            kind.summary,
            ", ".join(sorted(kind.needs)),
            tuple(_ability(system, kind, ended.get((system.name, kind.name), {})) for system in targets),
        )
        for kind in kinds.values()
    ]
    groups = tuple(
        Group(family, tuple(f for f in features if family_of(f.kind) is family))
        for family in (*FAMILIES, OTHER)
    )
    counts = tuple(
        (sum(f.abilities[place].state == "verified" for f in features), len(features))
        for place in range(len(targets))
    )
    return Systems(targets, tuple(group for group in groups if group.features), counts)


def _twin(target: str, known: dict[str, System]) -> str:
    base = target.partition("@")[0]
    return f"another instance of {base}" if base in known and base != target else "no longer a target here"


def _ability(system: System, kind: Kind, found: dict[Outcome, history.Ended]) -> Ability:
    """What was shown counts before what is claimed; of what was shown, the last word of each run."""
    if Outcome.OK in found:
        best = found[Outcome.OK]
        rest = [f"{e.count} {o}" for o, e in found.items() if o is not Outcome.OK and e.run_id == best.run_id]
        return Ability("verified", ", ".join([f"{best.count} cells ok", *rest]), best.run_id)
    for outcome in (Outcome.NOISY, Outcome.FAILED, Outcome.UNSUPPORTED):
        if outcome in found:
            one = found[outcome]
            return Ability(_BY_OUTCOME[outcome], f"{one.count} cells {outcome}", one.run_id)
    lacking = sorted(kind.needs - system.offers)
    if kind.needs and not lacking:
        return Ability("claimed", f"not measured: {system.missing}" if system.missing else "not measured yet")
    told = f"does not offer {', '.join(lacking)}" if lacking and system.offers else "not measured"
    return Ability("none", told)
