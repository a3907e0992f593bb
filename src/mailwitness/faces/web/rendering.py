"""Templates: everything that comes out of them is escaped, and characters that turn text about are shown as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mailwitness.event import instant
from mailwitness.faces.views.people import Named
from mailwitness.faces.views.wording import STRENGTH, span, stamp
from mailwitness.inert import inert


def environment() -> Environment:
    """Return the templates' environment. Autoescape is on for every template, whatever its name."""
    made = Environment(
        loader=PackageLoader("mailwitness.faces.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"instant": instant, "stamp": stamp, "thousands": _thousands, "percent": _percent, "span": span}
    made.globals |= {"page_of": page_of, "STRENGTH": STRENGTH}
    made.tests |= {"text": lambda value: isinstance(value, str)}
    return made


def page_of(named: Named, **more: str) -> str:
    """Return the address of the page a name leads to."""
    return address(f"/{named.page}", {"name": named.key or "", **more})


def address(path: str, query: Mapping[str, Any]) -> str:
    """Return an address with those of `query` that say something."""
    said = {name: str(value) for name, value in query.items() if value not in (None, "", False)}
    return f"{path}?{urlencode(said)}" if said else path


def _shown(value: object) -> object:
    """Return what a template writes for a value: no control, bidi or zero-width character gets through as itself."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    if value is None:
        return ""
    return inert(value) if isinstance(value, str) else value


def _thousands(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"
