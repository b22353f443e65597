"""Turns what the disk, the database and Parquet raise into a StoreError that says what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from pyarrow import ArrowException
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from vocabulary import StoreError

_SPACE = "free some space (or raise the quota or file-size limit), then go on with `kxbench resume`"
_WRITABLE = "make the directory writable, or name another store"
_CORRUPT = "move the file away to start afresh, or restore it from a copy; it was left untouched"

_BY_ERRNO = {
    errno.ENOSPC: _SPACE,
    errno.EDQUOT: _SPACE,
    errno.EFBIG: _SPACE,
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENOENT: "the file is gone; restore it from a copy, or delete the run",
    errno.EEXIST: "a part of the path is a file; name another store",
    errno.ENOTDIR: "a part of the path is a file; name another store",
    errno.EISDIR: "the path is a directory; name a file in it",
    errno.EIO: "the disk reports errors; copy the store to another one",
}

# SQLite's own words (sqlite3_errstr); PostgreSQL's differ and fall through to the general advice.
_BY_TEXT = {
    "disk is full": _SPACE,
    "readonly database": _WRITABLE,
    "unable to open database": _WRITABLE,
    "database is locked": "another kxbench writes to it for too long; wait for it or end it",
    "crc checksum": _CORRUPT,
    "not a database": _CORRUPT,
    "malformed": _CORRUPT,
    "disk i/o error": "the disk is full, read-only or faulty: see `df` and `dmesg`",
    "connection to server": "check that the server runs and that the URL, user and password are right",
    "password": "check the user and password in the URL",
    "no password supplied": "give the password in the URL or in PGPASSFILE",
}


def advice(error: BaseException) -> str:
    """What to do about an error of the disk, the database or Parquet."""
    if isinstance(error, OSError) and error.errno in _BY_ERRNO:
        return _BY_ERRNO[error.errno]
    if isinstance(error, ArrowException):
        return _CORRUPT
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
def storing(what: str, where: str) -> Iterator[None]:
    """Raises StoreError in place of errors of the disk, the database, Parquet and unstorable values."""
    try:
        yield
    except IntegrityError as error:
        raise StoreError(
            f"{what}: {_first_line(error)}",
            where=where,
            remedy="is that run in the store once, and only once?",
        ) from error
    except (SQLAlchemyError, OSError, ArrowException) as error:
        raise StoreError(f"{what}: {_first_line(error)}", where=where, remedy=advice(error)) from error
    except (OverflowError, UnicodeError) as error:
        raise StoreError(
            f"{what}: {_first_line(error)}", where=where, remedy="a value does not fit the store's column"
        ) from error
