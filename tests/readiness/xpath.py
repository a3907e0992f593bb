"""A small evaluator of the XPath that a Select may use: `*[System[...]]` of comparisons, `and`, `or`, parentheses."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\s*(?:(\()|(\))|(and|or)\b|Provider\[@Name='([^']+)'\]|EventID=(\d+))")


def parse(text):
    """Return the tokens inside *[System[...]]; anything outside the grammar is a ValueError."""
    if not (text.startswith("*[System[") and text.endswith("]]")):
        raise ValueError(text)
    body, at, tokens = text[len("*[System[") : -2], 0, []
    while at < len(body):
        found = _TOKEN.match(body, at)
        if found is None:
            raise ValueError(body[at:])
        tokens.append(next((i, v) for i, v in enumerate(found.groups()) if v is not None))
        at = found.end()
    return tokens


def conditions(text):
    return sum(kind in (3, 4) for kind, _ in parse(text))


def selects(text, provider, code):
    """Return whether an event of `provider` and `code` is selected."""
    tokens = parse(text)
    value = _either(tokens, provider, code)
    if tokens:
        raise ValueError(tokens)
    return value


def _either(tokens, provider, code):
    value = _both(tokens, provider, code)
    while tokens and tokens[0] == (2, "or"):
        tokens.pop(0)
        value = _both(tokens, provider, code) or value
    return value


def _both(tokens, provider, code):
    value = _one(tokens, provider, code)
    while tokens and tokens[0] == (2, "and"):
        tokens.pop(0)
        value = _one(tokens, provider, code) and value
    return value


def _one(tokens, provider, code):
    kind, said = tokens.pop(0)
    if kind == 0:
        value = _either(tokens, provider, code)
        assert tokens.pop(0)[0] == 1
        return value
    return provider.casefold() == said.casefold() if kind == 3 else code == int(said)
