"""Bytes of unknown programs made fit to be stored and shown."""


def clean(data: bytes) -> str:
    """As UTF-8, with what is not replaced, and without control characters that would upset a terminal."""
    text = data.decode("utf-8", errors="replace")
    return "".join(c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
