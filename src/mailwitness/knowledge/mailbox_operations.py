"""The operations of the mailbox and unified audit logs, and how their values are written (mailbox_operations.yaml)."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.event import ActorKind, Outcome, Strength
from mailwitness.knowledge.loader import Mark, load, vocabulary

FILE = "mailbox_operations.yaml"

Rule = Literal["items", "mail_items", "folder_permissions", "inbox_rules", "directory", "logon"]


class Operation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One operation: its words, the rule that reads the rest, and (rule directory) which properties fill what."""

    kind: str
    action: str
    rule: Rule
    mark: Mark
    source: str
    strength: Strength | None = None
    outcome: Outcome | None = None
    cross_mailbox: str | None = None
    rights: tuple[str, ...] = ()
    rights_from: tuple[str, ...] = ()
    words: bool = False
    consent: str | None = None
    trustee: tuple[str, ...] = ()
    trustee_is_target: bool = False
    group: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    attribute: str | None = None
    after_from: tuple[str, ...] = ()
    object_class: str | None = None
    old_values: bool = False
    valid_from: dict[str, str] = {}
    valid_to: dict[str, str] = {}


class ActorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule for the kind of an actor: a user type, or a user id like one of these (a final * is any text)."""

    kind: ActorKind
    user_types: tuple[int, ...] = ()
    user_like: tuple[str, ...] = ()


class Records(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Records of the unified audit log that count: by workload (in lower case) or by record type."""

    workloads: tuple[str, ...]
    record_types: tuple[int, ...]

    def has(self, workload: str | None, record_type: int | None) -> bool:
        """Return whether a record is one of these."""
        return (workload or "").casefold() in self.workloads or record_type in self.record_types


class OperationKnowledge(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file as a whole."""

    source: str
    operations: dict[str, Operation]
    of_mailboxes: Records
    of_the_directory: Records
    results: dict[Outcome, tuple[str, ...]]
    logon_types: dict[str, str]
    user_types: dict[str, int]
    record_types: dict[str, int]
    actor_kinds: tuple[ActorRule, ...]
    field_names: dict[str, str]


def operation_key(name: str) -> str:
    """Return an operation's name as it is compared: Entra ID ends some with a full stop, others with a space."""
    return " ".join(name.split()).rstrip(".").casefold()


@cache
def operation_knowledge() -> OperationKnowledge:
    """Return the knowledge file; raises KnowledgeError on unknown words."""
    knowledge = load(FILE, OperationKnowledge)
    for name, operation in knowledge.operations.items():
        where = f"{FILE}: {name}"
        vocabulary().check(operation.kind, operation.action, where)
        if operation.cross_mailbox is not None:
            vocabulary().check(operation.kind, operation.cross_mailbox, where)
    for rule in knowledge.actor_kinds:
        if not rule.user_types and not rule.user_like:
            raise KnowledgeError("a rule for actors holds for everybody", where=f"{FILE}: actor_kinds")
    return knowledge


@cache
def operations() -> dict[str, Operation]:
    """Return the operations by `operation_key`."""
    return {operation_key(name): operation for name, operation in operation_knowledge().operations.items()}


@cache
def outcomes() -> dict[str, Outcome]:
    """Return the outcome each word of a result stands for."""
    return {word: outcome for outcome, words in operation_knowledge().results.items() for word in words}


def actor_kind(user_type: int | None, user: str | None) -> ActorKind:
    """Return what kind of actor a user type and a user id name, by the first rule that holds."""
    name = (user or "").casefold()
    for rule in operation_knowledge().actor_kinds:
        if user_type in rule.user_types or any(_is_like(name, like.casefold()) for like in rule.user_like):
            return rule.kind
    return "unknown"


def _is_like(name: str, like: str) -> bool:
    return name.startswith(like[:-1]) if like.endswith("*") else name == like
