"""Templates for pages and markdown: any text of a run may stand in them and stays text."""

import json
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from results.view import in_short, when

TEMPLATES = Path(__file__).parent / "templates"
_CONTROLS = {c: None for c in (*range(0x20), *range(0x7F, 0xA0)) if c not in (0x09, 0x0A)}
_PIPES = str.maketrans({"|": "\\|", "\n": " ", "\r": " ", "<": "&lt;", ">": "&gt;", "`": "'"})
_LONGEST_CONSOLE = 8000


def clean(text: object) -> str:
    """Without the control characters that HTML and terminals do not take; undecodable bytes marked."""
    return str(text).encode("utf-8", "backslashreplace").decode().translate(_CONTROLS)


def embedded(value: object) -> Markup:
    """JSON inside a script element: no ``<`` can end it."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def table_cell(text: object) -> str:
    """Text inside a cell of a markdown table."""
    return clean(text).translate(_PIPES)


def fenced(text: str) -> str:
    """A fenced block that the text cannot end."""
    text = clean(text)
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text.rstrip()}\n{fence}"


@cache
def templates(escaped: bool, *more: Path) -> Environment:
    """Jinja2 over our templates, and those in the folders named; ``escaped`` for HTML."""
    made = Environment(
        loader=FileSystemLoader([*more, TEMPLATES]),
        autoescape=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        finalize=(lambda value: value if isinstance(value, Markup) else clean(value)),
    )
    made.filters |= {
        "json": embedded,
        "cell": table_cell,
        "fenced": fenced,
        "when": when,
        "short": in_short,
        "tail": lambda text: text[-_LONGEST_CONSOLE:],
    }
    return made


def template_text(name: str) -> Markup:
    """A style sheet or script of ours, as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))
