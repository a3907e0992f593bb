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
_PARAMETER = re.compile(r"\$(?P<name>[a-z_]+)")


class Query(msgspec.Struct, frozen=True):
    """A question: what it asks (its header's first line) and its SQL text."""

    name: str
    question: str
    text: str

    def bind(self, **parameters: Any) -> tuple[str, dict[str, Any]]:  # noqa: ANN401 - SQL values
        """Return the SQL for these parameters and the parameters it uses. None means: not asked for."""
        given = {name: value for name, value in parameters.items() if value is not None}
        lines = []
        for line in self.text.splitlines():
            when = _WHEN.search(line)
            if when is None or when["name"] in given:
                lines.append(line)
        sql = "\n".join(lines)
        used = set(_PARAMETER.findall(sql))
        missing = used - given.keys()
        if missing:
            raise KnowledgeError(f"the question {self.name} needs {', '.join(sorted(missing))}", where=self.name)
        return sql, {name: given[name] for name in used}


def load_query(package: str, name: str) -> Query:
    """Return the question `name` of `package`: the file NAME.sql there, whose first line is `-- question: ...`."""
    text = resources.files(package).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    first = text.split("\n", 1)[0]
    if not first.startswith("-- question: "):
        raise KnowledgeError("a .sql file begins with its question", where=f"{name}.sql")
    return Query(name, first.removeprefix("-- question: "), text)
