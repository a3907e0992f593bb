"""Where Microsoft 365's audit interfaces stand in each cloud, their limits, and what their refusals mean."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.loader import load

CloudName = Literal["worldwide", "gcc", "gcc_high", "dod", "china"]
Refusal = Literal[
    "throttled",
    "passing",
    "not_subscribed",
    "already_subscribed",
    "expired",
    "no_such_content",
    "permission",
    "tenant",
    "window",
]


class Cloud(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Roots of one cloud, without a slash at the end."""

    title: str
    sign_in: str
    management: str
    graph: str
    graph_audit_log: bool


class ActivityApi(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Management Activity API."""

    source: str
    path: str
    contents: tuple[str, ...]
    days_back: int
    window_hours: int
    first_content_hours: int
    permission: str
    errors: dict[Refusal, tuple[str, ...]]

    def meaning(self, code: str) -> Refusal | None:
        """Return what an error code means for a collector, None where it is nothing it can act on."""
        return next((meaning for meaning, codes in self.errors.items() if code in codes), None)


class GraphApi(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The audit log query of Microsoft Graph."""

    source: str
    path: str
    permission: str
    days_back: int
    under_way: tuple[str, ...]
    done: tuple[str, ...]


class M365(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    source: str
    activity: ActivityApi
    graph: GraphApi
    clouds: dict[CloudName, Cloud]


@cache
def m365() -> M365:
    """Return what is known of Microsoft 365. Raises KnowledgeError where a root is no https URL."""
    file = load("m365_clouds.yaml", M365)
    for name, cloud in file.clouds.items():
        for root in (cloud.sign_in, cloud.management, cloud.graph):
            if not root.startswith("https://") or root.endswith("/"):
                raise KnowledgeError(
                    f"{root} is no root", where=f"m365_clouds.yaml: {name}", remedy="correct the entry"
                )
    return file
