"""What bench lends the dashboard, and the commands that start it, export it and push runs to one."""

import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from bench.console import err, out, working
from bench.judged import compare_sides, judge, judge_what_is_not
from bench.statistics import changepoints
from bench.stored import settle
from results.dashboard.guard import Access, is_loopback
from results.dashboard.hooks import ChangePoint, Hooks, Kind, System
from results.dashboard.server import bound, serve
from results.dashboard.site import export_site
from results.dashboard.source import Source
from results.store import Store
from vocabulary import UsageError

TOKEN = "KXBENCH_TOKEN"
_LEAST_TOKEN = 16


def hooks() -> Hooks:
    return Hooks(
        judge=judge, compare=compare_sides, changes=changes, steps=steps, systems=systems, kinds=kinds
    )


def changes(values: Sequence[float]) -> list[ChangePoint]:
    return _points(changepoints.changes(values))


def steps(values: Sequence[float]) -> list[ChangePoint]:
    return _points(changepoints.steps(values))


def _points(found: Iterable[changepoints.Change]) -> list[ChangePoint]:
    return [ChangePoint(one.at, one.ratio, one.low, one.high, one.p) for one in found]


@cache
def systems() -> tuple[System, ...]:
    """The targets that there are, as they say themselves."""
    from targets import TARGETS, make_target
    from targets.lab import Lab

    lab = Lab()  # not entered: nothing is deployed
    every = [make_target(name, lab) for name in TARGETS]
    return tuple(System(t.name, t.summary, frozenset(map(str, t.capabilities())), t.missing()) for t in every)


@cache
def kinds() -> tuple[Kind, ...]:
    from workloads import CASES, case_kind

    every = [case_kind(name) for name in CASES]
    return tuple(Kind(kind.name, kind.summary, frozenset(map(str, kind.needs))) for kind in every)


def token_of(path: Path | None) -> str:
    """From the file, or the environment's KXBENCH_TOKEN; empty where neither is given. Raises UsageError."""
    if path is None:
        found = os.environ.get(TOKEN, "").strip()
        where = f"the environment's {TOKEN}"
    else:
        try:
            found = path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeError) as error:
            raise UsageError(
                f"the token cannot be read: {error}", remedy="name a file with the token"
            ) from error
        where = str(path)
        if not found:
            raise UsageError("the token file is empty", where=where, remedy=_make_one())
    if found and (
        len(found) < _LEAST_TOKEN or not found.isascii() or not found.isprintable() or " " in found
    ):
        raise UsageError(
            f"a token has at least {_LEAST_TOKEN} letters and digits", where=where, remedy=_make_one()
        )
    return found


def _make_one() -> str:
    return "make one: openssl rand -hex 32 > token && chmod 600 token"


def access_for(host: str, token: str, uploads: bool, most_mib: int) -> Access:
    """Raises UsageError where others could read, or anybody could write, without a token."""
    local = is_loopback(host)
    if not token and not local:
        raise UsageError(
            f"others could read everything: listening on {host} needs a token",
            remedy=f"--token-file FILE; {_make_one()}",
        )
    if not token and uploads:
        raise UsageError("taking uploads needs a token", remedy=f"--token-file FILE; {_make_one()}")
    return Access(token, everywhere=bool(token), local=local, uploads=uploads, most_bytes=most_mib * 2**20)


def start(store: Store, host: str, port: int, access: Access) -> None:
    """Serve until Ctrl-C. Raises HostError for a port in use, UsageError for uploads to a read-only store."""
    if access.uploads and not store.writable:
        raise UsageError("the store is read-only: it takes no uploads", where=store.where)
    listening = bound(host, port)
    source = Source(store, hooks())
    at = listening.getsockname()
    name = f"[{at[0]}]" if ":" in at[0] else at[0]
    out.print(f"dashboard: http://{name}:{at[1]}/  (Ctrl-C ends it)", markup=False)

    failed: set[str] = set()

    def keep() -> None:
        if store.writable:
            settle(store)
            _judge(store, failed)

    serve(source, access, listening, keep)


def _judge(store: Store, failed: set[str]) -> None:
    for run_id, why in judge_what_is_not(store, failed):
        told = f"run {run_id} cannot be judged: {why}" if why else f"judged {run_id}"
        err.print(f"kxbench: {told}", markup=False)


def write(store: Store, folder: Path, most_runs: int) -> None:
    """The pages as files."""
    if store.writable:
        with working("judging runs that were not"):
            _judge(store, set())
    with working("writing the pages"):
        first = export_site(Source(store, hooks()), folder, most_runs)
    out.print(str(first), markup=False)
