"""One question as SQL text: a .sql file with a header, named parameters, and lines that stand only when asked for.

A line that ends in `-- when NAME` is kept only if the parameter NAME is given, so that an absent filter leaves no
trace in the plan and a present one reaches the Parquet scan.
"""

from __future__ import annotations

import re
from importlib import resources
from typing import Any

import msgspec

from mailwitness.errors import KnowledgeError

_WHEN = re.compile(r"--\s*when\s+(?P<name>[a-z_]+)\s*$")
_INCLUDE = re.compile(r"^-- include (?P<name>[a-z_]+)$", re.MULTILINE)
_LIST = re.compile(r"(?<=IN )\$(?P<name>[a-z_]+)")
_PARAMETER = re.compile(r"\$(?P<name>[a-z_0-9]+)")


class Query(msgspec.Struct, frozen=True):
    """A question: what it asks (its header's first line) and its SQL text."""

    name: str
    question: str
    text: str

    def bind(self, **parameters: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - SQL values
        """Return the SQL for these parameters and the parameters it uses. None means: not asked for.

        `IN $names` takes a list of values.
        """
        given = {name: value for name, value in parameters.items() if value is not None}
        lines = []
        for line in self.text.splitlines():
            when = _WHEN.search(line)
            if when is None or when["name"] in given:
                lines.append(line)
        sql = _LIST.sub(lambda found: _spread(found["name"], given), "\n".join(lines))
        used = set(_PARAMETER.findall(sql))
        missing = used - given.keys()
        if missing:
            raise KnowledgeError(f"the question {self.name} needs {', '.join(sorted(missing))}", where=self.name)
        return sql, {name: given[name] for name in used}


def _spread(name: str, given: dict[str, Any]) -> str:
    """Write `IN $names` with one parameter a value: only then does the filter reach the Parquet scan."""
    values = given.get(name)
    if values is None:
        return f"${name}"
    given.update({f"{name}_{index}": value for index, value in enumerate(values)})
    return "(" + ", ".join(f"${name}_{index}" for index in range(len(values))) + ")" if values else "(NULL)"


def load_query(package: str, name: str) -> Query:
    """Return the question `name` of `package`: the file NAME.sql there, whose first line is `-- question: ...`.

    A line `-- include NAME` stands for the text of that file: what several questions have in common.
    """
    text = _read(package, name)
    question = text.split("\n", 1)[0].removeprefix("-- question: ")
    return Query(name, question, _INCLUDE.sub(lambda found: _read(package, found["name"]), text))


def _read(package: str, name: str) -> str:
    text = resources.files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    if not text.startswith("-- question: "):
        raise KnowledgeError("a .sql file begins with its question", where=f"{name}.sql")
    return text
