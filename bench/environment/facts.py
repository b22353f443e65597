"""The registry of facts (name, type, formatter: pyperf's habit) and the description made of it.

A fact that cannot be read is None and the reason is kept under ``missing``, so describing never fails."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.environment import machine, software

Value = str | int | float | bool | list[str] | dict[str, str] | None


def as_bytes(value: Any) -> str:
    size = float(value)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.4g} {unit}"


def as_switch(value: Any) -> str:
    return "on" if value else "off"


def as_changed(value: Any) -> str:
    return "changed since the commit" if value else "as committed"


def as_digest(value: Any) -> str:
    return str(value) or "none"


def as_words(value: Any) -> str:
    return " ".join(map(str, value)) or "none"


def as_pairs(value: Any) -> str:
    return ", ".join(f"{key} {text}" for key, text in value.items()) or "none"


@dataclass(frozen=True, slots=True)
class Fact:
    """``read`` gives the value or raises OSError, LookupError, ValueError or SubprocessError where the
    machine does not tell; ``show`` is for people. Facts that make a machine the same machine when a later
    run is compared with an earlier one are ``identity``."""

    name: str
    type: type
    read: Callable[[], Value]
    show: Callable[[Any], str] = str
    identity: bool = False


FACTS: tuple[Fact, ...] = (
    Fact("cpu_model", str, machine.cpu_model, identity=True),
    Fact("architecture", str, machine.architecture, identity=True),
    Fact("cpus", int, machine.cpus, identity=True),
    Fact("cores", int, machine.cores, identity=True),
    Fact("usable_cpus", int, machine.usable_cpus, identity=True),
    Fact("microcode", str, machine.microcode, identity=True),
    Fact("mitigations", dict, machine.mitigations, as_pairs, identity=True),
    Fact("governor", str, machine.governor, identity=True),
    Fact("turbo", bool, machine.turbo, as_switch, identity=True),
    Fact("smt", bool, machine.smt, as_switch, identity=True),
    Fact("cpu_mhz", float, machine.cpu_mhz, "{:.0f} MHz".format),
    Fact("virtualisation", str, machine.virtualisation, identity=True),
    Fact("container", str, machine.container),
    Fact("kvm", str, machine.kvm),
    Fact("clocksource", str, machine.clocksource, identity=True),
    Fact("memory_bytes", int, machine.memory_bytes, as_bytes),
    Fact("memory_available_bytes", int, machine.memory_available_bytes, as_bytes),
    Fact("memory_gib", int, machine.memory_gib, identity=True),
    Fact("swap_bytes", int, machine.swap_bytes, as_bytes),
    Fact("swap_used_bytes", int, machine.swap_used_bytes, as_bytes),
    Fact("transparent_hugepages", str, machine.transparent_hugepages, identity=True),
    Fact("transparent_hugepages_shmem", str, machine.transparent_hugepages_shmem),
    Fact("aslr", int, machine.aslr, identity=True),
    Fact("load_1min", float, machine.load_1min),
    Fact("kernel", str, software.kernel, identity=True),
    Fact("kernel_build", str, software.kernel_build),
    Fact("kernel_flags", list, software.kernel_flags, as_words, identity=True),
    Fact("distribution", str, software.distribution),
    Fact("c_library", str, software.c_library),
    Fact("python", str, software.python),
    Fact("packages", dict, software.packages, as_pairs),
    Fact("python_packages", dict, software.python_packages, as_pairs),
    Fact("git_commit", str, software.git_commit),
    Fact("git_dirty", bool, software.git_dirty, as_changed),
    Fact("git_changes", str, software.git_changes, as_digest),
)


def describe() -> dict[str, Any]:
    """Every fact by name, JSON values only, None where the machine does not tell; ``missing`` has why.

    Takes some 50 ms (dpkg-query, git, systemd-detect-virt)."""
    described: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for fact in FACTS:
        try:
            value = fact.read()
            described[fact.name] = None if value is None else fact.type(value)
        except (OSError, LookupError, ValueError, subprocess.SubprocessError) as error:
            described[fact.name] = None
            missing[fact.name] = _why(error)
    return described | {"missing": missing}


def _why(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, KeyError):
        return f"no {error.args[0]}"
    return str(error) or type(error).__name__


def shown(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Name and text of each fact, in the registry's order; for one that is missing, the reason."""
    missing = environment.get("missing") or {}
    rows = []
    for fact in FACTS:
        value = environment.get(fact.name)
        text = f"unknown ({missing.get(fact.name, 'not recorded')})" if value is None else fact.show(value)
        rows.append((fact.name.replace("_", " "), text))
    return rows


def fingerprint(environment: Mapping[str, Any]) -> str:
    """12 hexadecimal digits, equal for runs on the same machine, kernel and settings.

    Made of the facts marked ``identity``. Package versions and the commit are not among them: they are what
    one compares runs for; nor are memory in bytes, load and frequency, which change from boot to boot."""
    same = {fact.name: environment.get(fact.name) for fact in FACTS if fact.identity}
    return hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()[:12]


def differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """What makes two described machines different ones, as ``kernel: 6.1.0 against 6.12.0``; empty when
    their fingerprints are equal."""
    found = []
    for fact in FACTS:
        one, other = a.get(fact.name), b.get(fact.name)
        if fact.identity and one != other:
            texts = ("unknown" if v is None else fact.show(v) for v in (one, other))
            found.append(f"{fact.name}: {' against '.join(texts)}")
    return found
