"""Reports for people: HTML that stands alone, and PDF made of the same page."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator

from mailwitness.errors import UsageError
from mailwitness.faces.reports.plain_forms import checkpoint_line
from mailwitness.faces.reports.report import Report, Section, cut
from mailwitness.faces.reports.seal import ZEROS
from mailwitness.faces.text import for_terminal

HTML_ROWS = 20_000
"""Rows of a section in a page; browsers grow slow beyond. The CSV has all."""
PDF_ROWS = 2_000
_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1a1d21; --page: #fff; --line: #c9ced6; --soft: #f3f5f8; --bad: #8f1d14;
  --badpage: #fdecea; --good: #14532d; --goodpage: #e8f5ec; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --page: #14171a; --line: #3a414a; --soft: #1e2328;
  --bad: #ffb4a9; --badpage: #3b1512; --good: #a7e3bb; --goodpage: #12301d; } }
body { font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; color: var(--ink); background: var(--page);
  margin: 0 auto; max-width: 90rem; padding: 1.5rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; } h2 { font-size: 1.2rem; margin: 2rem 0 .4rem; }
.verdict { border: 2px solid; border-radius: .4rem; padding: .7rem 1rem; font-weight: 600; }
.verdict ul { font-weight: 400; margin: .5rem 0 0; padding-left: 1.2rem; }
.blind { color: var(--bad); background: var(--badpage); } .covered { color: var(--good); background: var(--goodpage); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; } dt { font-weight: 600; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .86rem; }
th, td { border: 1px solid var(--line); padding: .25rem .45rem; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; } th { background: var(--soft); }
.controls { border-left: 4px solid var(--line); padding: 0 0 0 1.6rem; margin: .4rem 0; }
footer { margin-top: 2rem; border-top: 1px solid var(--line); font-size: .86rem; overflow-wrap: anywhere; }
@media print { body { max-width: none; padding: 0; font-size: 10px; } thead { display: table-header-group; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""
_PAPER = """
@page { size: A4 landscape; margin: 14mm 12mm; @bottom-left { content: "FOOT"; font-size: 7pt; }
  @bottom-right { content: counter(page) " / " counter(pages); font-size: 7pt; } }
body { font-size: 8.5pt; } table { font-size: 7pt; table-layout: fixed; } .wide { overflow: visible; }
"""


def text(said: str) -> str:
    """Return text of evidence as HTML: escaped, and what cannot be seen or turns lines about written out."""
    return html.escape(for_terminal(said), quote=True)


def as_html(report: Report) -> bytes:
    """Return the report as one page that needs nothing from elsewhere; its hash is put in place of the zeros."""
    return "".join(_page(report, HTML_ROWS, "")).encode()


def as_pdf(report: Report) -> bytes:
    """Return the report as a tagged PDF. Raises UsageError without the extra `reports`.

    The same report gives the same bytes: its times and identifier are the report's, not the clock's.
    """
    try:
        from weasyprint import HTML  # noqa: PLC0415 - an extra
    except (ImportError, OSError) as cause:  # OSError: Pango is not there
        raise UsageError(
            f"PDF needs WeasyPrint and Pango, which are not there: {cause}",
            remedy="pip install 'mailwitness[reports]' and the system's libpango, or take HTML and print it",
        ) from cause
    page = "".join(_page(report, PDF_ROWS, _PAPER.replace("FOOT", _in_style(checkpoint_line(report)))))
    identifier = hashlib.sha256(page.encode()).digest()[:16]
    made: bytes = HTML(string=page, url_fetcher=_nothing).write_pdf(
        pdf_tags=True, pdf_identifier=identifier, pdf_version="1.4", custom_metadata=False
    )
    return made


def _in_style(said: str) -> str:
    """Return text for a string of a style sheet: whatever is no letter or digit as its CSS escape."""
    return "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):06x}" for c in said)


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"a report takes nothing from elsewhere: {url}")


def _page(report: Report, rows: int, more_style: str) -> Iterator[str]:
    when = f"{report.made_at:%Y-%m-%dT%H:%M:%SZ}"
    yield f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta name="mailwitness-sha256" content="{ZEROS.decode()}">\n'
    yield f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f'<meta name="generator" content="{text(report.made_by)}">\n'
    yield f'<meta name="description" content="{text(checkpoint_line(report))}">\n'
    yield f'<meta name="dcterms.created" content="{when}">\n<meta name="dcterms.modified" content="{when}">\n'
    yield f"<title>{text(report.title)}</title>\n<style>{_STYLE}{more_style}</style>\n</head>\n<body>\n<main>\n"
    yield f"<h1>{text(report.title)}</h1>\n"
    yield from _verdict(report)
    yield "<dl>\n"
    for name, said in _facts(report):
        yield f"<dt>{name}</dt><dd>{text(said)}</dd>\n"
    yield "</dl>\n"
    for line in (*report.said, *report.coverage):
        yield f"<p>{text(line)}</p>\n"
    for section in report.sections:
        yield from _section(section, rows)
    yield "</main>\n<footer><p>Check this file with <code>mailwitness report verify FILE --trail TRAIL</code>. "
    yield "In HTML and JSON its SHA-256 stands in its head, taken over the file with 64 zeros in that place; "
    yield "in every form it stands in FILE.sha256.</p></footer>\n</body>\n</html>\n"


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield "Period", report.period
    yield "Asked", "; ".join(f"{name} = {value}" for name, value in report.query.items())
    yield "Made at", checkpoint_line(report)
    yield "Made", f"{report.made_at:%Y-%m-%d %H:%M:%S} UTC by {report.made_by}"


def _verdict(report: Report) -> Iterator[str]:
    kind = "covered" if report.is_covered else "blind"
    yield f'<section class="verdict {kind}" aria-label="Coverage">{text(report.verdict)}\n'
    if report.blind:
        yield "<ul>\n"
        for part in report.blind[:BLIND_LISTED]:
            yield f"<li>{text(part)}</li>\n"
        left = len(report.blind) - BLIND_LISTED
        if left > 0:
            yield f"<li>and {left} more: the CSV and the JSON of this report list all</li>\n"
        yield "</ul>\n"
    yield "</section>\n"


BLIND_LISTED = 50
"""Parts not covered that a page lists before its tables."""


def _section(section: Section, limit: int) -> Iterator[str]:
    rows, left_out = cut(section.rows, limit, "the CSV of this report")
    yield f"<section>\n<h2>{text(section.title)}</h2>\n"
    if section.controls:
        yield '<ul class="controls">\n' + "".join(f"<li>{text(line)}</li>\n" for line in section.controls) + "</ul>\n"
    for line in (*section.said, *([left_out] if left_out else [])):
        yield f"<p>{text(line)}</p>\n"
    if not rows:
        yield "<p>No rows. That is no proof that nothing happened: see the coverage.</p>\n</section>\n"
        return
    heads = "".join(f'<th scope="col">{text(column.heading)}</th>' for column in section.columns)
    yield f'<div class="wide" tabindex="0" role="region" aria-label="{text(section.title)}">\n<table>\n'
    yield f"<thead><tr>{heads}</tr></thead>\n<tbody>\n"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{text(cell)}</td>" for cell in row) + "</tr>\n"
    yield "</tbody>\n</table>\n</div>\n</section>\n"
