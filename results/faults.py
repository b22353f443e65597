"""Turns what the disk, the database and Parquet raise into a StoreError that says what to do."""

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pyarrow import ArrowException
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from vocabulary import StoreError

_SPACE = "free some space (or raise the quota or file-size limit), then go on with `kxbench resume`"
_WRITABLE = "make the directory writable, or name another store"
_CORRUPT = "move the file away to start afresh, or restore it from a copy; it was left untouched"
DAMAGED = "restore the file from a copy, or remove the run with `kxbench delete RUN`; it was left untouched"

_BY_ERRNO = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENOENT: "the file is gone; restore it from a copy, or remove the run with `kxbench delete RUN`",
    errno.EEXIST: "a part of the path is a file; name another store",
    errno.ENOTDIR: "a part of the path is a file; name another store",
    errno.EISDIR: "the path is a directory; name a file in it",
    errno.EIO: "the disk reports errors; copy the store to another one",
}

_OTHER_PLACE = "name another place"
_BAD_NAME = "a part of the path is a file; check the name"

OPENING: Mapping[int, str] = {errno.ENOENT: "no directory can be made there: check it, or name another store"}
"""For the store itself."""

WRITING_OUT: Mapping[int, str] = {
    errno.ENOSPC: f"free some space, or {_OTHER_PLACE}",
    errno.EDQUOT: f"free some space, or {_OTHER_PLACE}",
    errno.EFBIG: f"raise the file-size limit, or {_OTHER_PLACE}",
    errno.EROFS: f"the disk there is read-only: {_OTHER_PLACE}",
    errno.EACCES: f"make the directory writable, or {_OTHER_PLACE}",
    errno.EPERM: f"make the directory writable, or {_OTHER_PLACE}",
    errno.ENOENT: f"no file or directory can be made there: check the directory, or {_OTHER_PLACE}",
    errno.EEXIST: f"a part of the path is a file: {_OTHER_PLACE}",
    errno.ENOTDIR: f"a part of the path is a file: {_OTHER_PLACE}",
    errno.EISDIR: f"that is a directory: {_OTHER_PLACE}",
}
"""For what is written outside the store: a report, an export."""

READING_IN: Mapping[int, str] = {
    errno.ENOENT: "there is no such file: check the name",
    errno.ENOTDIR: _BAD_NAME,
    errno.EISDIR: "that is a directory: name the file in it",
    errno.EACCES: "make the file readable",
    errno.EPERM: "make the file readable",
}
"""For a file that a person names, to be read."""

# SQLite's own words (sqlite3_errstr); PostgreSQL's differ and fall through to the general advice.
_BY_TEXT = {
    "disk is full": _SPACE,
    "readonly database": _WRITABLE,
    "unable to open database": _WRITABLE,
    "database is locked": "another kxbench writes to it for too long; wait for it or end it",
    "crc checksum": DAMAGED,  # of a Parquet page
    "not a database": _CORRUPT,
    "malformed": _CORRUPT,
    "disk i/o error": "the disk is full, read-only or faulty: see `df` and `dmesg`",
    "connection to server": "check that the server runs and that the URL, user and password are right",
    "password": "check the user and password in the URL",
    "no password supplied": "give the password in the URL or in PGPASSFILE",
}


def advice(error: BaseException, own: Mapping[int, str] | None = None) -> str:
    """What to do about an error of the disk, the database or Parquet; ``own`` by errno comes first."""
    if isinstance(error, OSError) and error.errno is not None:
        known = {**_BY_ERRNO, **(own or {})}
        if error.errno in known:
            return known[error.errno]
    if isinstance(error, ArrowException):
        return DAMAGED
    text = str(error).lower()
    for words, remedy in _BY_TEXT.items():
        if words in text:
            return remedy
    return "check the store with `kxbench doctor`"


def _first_line(error: BaseException) -> str:
    if isinstance(error, SQLAlchemyError):
        error = getattr(error, "orig", None) or error
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def storing(what: str, where: str, remedies: Mapping[int, str] | None = None) -> Iterator[None]:
    """Raises StoreError in place of errors of the disk, the database, Parquet and unstorable values.

    ``remedies`` by errno are those of the occasion (WRITING_OUT, READING_IN); the others are the store's."""
    try:
        yield
    except IntegrityError as error:
        raise StoreError(
            f"{what}: {_first_line(error)}",
            where=where,
            remedy="is that run in the store once, and only once?",
        ) from error
    except (SQLAlchemyError, OSError, ArrowException) as error:
        raise StoreError(
            f"{what}: {_first_line(error)}", where=where, remedy=advice(error, remedies)
        ) from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"{what}: {_first_line(error)}", where=where, remedy="a value does not fit the store's column"
        ) from error
