"""Texts that try to be more than text."""

HOSTILE = [
    '"}\n{"event": "forged", "part": "writer"}',
    "a\r\nb\x1b[2Jc\x00d\x7f\x85e\u2028f",
    "\u202egnp.exe\u200b\ufeff",
    "%s %d {x} ${y} `id` $(id)",
    "x" * 50_000,
    "",
]
