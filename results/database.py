"""Opening the database: which one, its settings, and its schema brought up to date."""

import os
import shlex
import sqlite3
import time
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from results.faults import OPENING, storing
from results.tables import to_json
from vocabulary import StoreError, UsageError

HERE = Path(__file__).parent
DEFAULT = HERE / "store" / "kxbench.sqlite"
HEAD = "0003"  # the newest of migrations/versions; a test holds the two equal
_LOCK = 0x6B7862  # "kxb": PostgreSQL advisory lock held while the schema is made or changed
_BUSY_S = 30  # how long a writer waits for another


def url_of(where: str | Path | None) -> URL:
    """The database a person means: a URL, an SQLite file, or a directory to hold ``kxbench.sqlite``.

    Raises UsageError for a URL of another kind."""
    if where is None:
        where = DEFAULT
    if "://" not in str(where):
        path = Path(where).expanduser().absolute()
        path = path / DEFAULT.name if path.is_dir() or not path.suffix else path
        return URL.create("sqlite", database=str(path))
    try:
        url = make_url(str(where))
    except (ArgumentError, ValueError) as error:
        raise UsageError(
            f"not a store: {error}", remedy="see results/README.md for the URLs taken"
        ) from error
    kind = url.drivername.partition("+")[0]
    if kind == "sqlite" and url.database and url.database != ":memory:":
        return url.set(drivername="sqlite", database=str(Path(url.database).absolute()))
    if kind in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise UsageError(
        f"a store cannot be on {kind!r}",
        where=url.render_as_string(hide_password=True),
        remedy="give a path, or postgresql://user@host/database",
    )


def _sqlite(path: Path) -> tuple[Engine, bool]:
    """The engine and whether it may write. A store on a read-only medium opens for reading.

    At most the last directory is made: a whole missing tree is more likely a slip of the pen."""
    writable = not path.exists() or _can_write(path)
    if writable:
        _make_last_directory(path.parent)

    def connected() -> sqlite3.Connection:
        name = path.as_uri() + ("?mode=rwc" if writable else "?mode=ro&immutable=1")
        connection = sqlite3.connect(name, uri=True, timeout=_BUSY_S, check_same_thread=False)
        try:
            connection.execute("PRAGMA foreign_keys=ON")
            if writable:
                _write_ahead(connection)
                connection.execute("PRAGMA synchronous=FULL")  # under WAL, NORMAL may lose the last commits
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine(
        "sqlite://", creator=connected, poolclass=QueuePool, json_serializer=to_json
    ), writable


def _write_ahead(connection: sqlite3.Connection) -> None:
    """To the write-ahead log. The change takes the whole file from a lock that it holds already, for which
    SQLite does not wait (two that did would wait for each other), so we do."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.005)


def _make_last_directory(directory: Path) -> None:
    """Raises StoreError where its parent is missing too, OSError where it cannot be made."""
    if not directory.parent.exists():
        raise StoreError(
            f"there is no directory {directory.parent}",
            where=str(directory),
            remedy=f"check the name, or make it first: mkdir -p {shlex.quote(str(directory))}",
        )
    directory.mkdir(exist_ok=True)


def _can_write(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def connect(url: URL) -> tuple[Engine, bool]:
    """An engine on the database with its schema current, and whether it may be written to.

    Raises StoreError when it cannot be reached, is not ours, is corrupt or is of a newer kxbench."""
    where = describe(url)
    with storing("the store cannot be opened", where, OPENING):
        if url.drivername == "sqlite":
            engine, writable = _sqlite(Path(str(url.database)))
        else:
            engine, writable = create_engine(url, json_serializer=to_json, pool_pre_ping=True), True
        try:
            _bring_up_to_date(engine, writable, where)
        except BaseException:
            engine.dispose()
            raise
    return engine, writable


def describe(url: URL) -> str:
    """The file, or the URL without its password."""
    return str(url.database) if url.drivername == "sqlite" else url.render_as_string(hide_password=True)


def _revision(connection: Connection, where: str) -> str | None:
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if found is not None:
            return str(found)
    if tables & {"runs", "cells"} or (tables and connection.dialect.name == "sqlite"):
        raise StoreError(
            "this database holds tables that are not kxbench's",
            where=where,
            remedy="name another file or database; it was left untouched",
        )
    return None


def _bring_up_to_date(engine: Engine, writable: bool, where: str) -> None:
    with engine.connect() as connection:
        found = _revision(connection, where)
    if found == HEAD:
        return
    known = {path.name.partition("_")[0] for path in (HERE / "migrations" / "versions").glob("[0-9]*_*.py")}
    if found is not None and found not in known:
        raise StoreError(
            f"this store has schema {found}, newer than this kxbench's {HEAD}",
            where=where,
            remedy="update kxbench, or name another store; it was left untouched",
        )
    if not writable:
        raise StoreError(
            f"this store has schema {found or 'none'}, and it cannot be brought to {HEAD} as it is read-only",
            where=where,
            remedy="copy the store to a writable place",
        )
    _upgrade(engine, where)


def _upgrade(engine: Engine, where: str) -> None:
    from alembic import command  # here: not needed, and slow to import, when the schema is current
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(HERE / "migrations"))
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        if _revision(connection, where) != HEAD:  # nobody else was faster
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        connection.commit()
