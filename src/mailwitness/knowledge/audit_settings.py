"""What must be on for a question to have an answer: knowledge/audit_settings.yaml, checked against its neighbours."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from mailwitness.errors import KnowledgeError
from mailwitness.knowledge.guids import guids
from mailwitness.knowledge.loader import Mark, load

FILE = "audit_settings.yaml"

Generation = Literal["2003", "2008", "2019", "online"]
GENERATIONS: tuple[Generation, ...] = ("2003", "2008", "2019", "online")
Question = Literal["changes", "refusals", "groups", "auditing", "logons", "accesses"]
QUESTIONS: tuple[Question, ...] = ("changes", "refusals", "groups", "auditing", "logons", "accesses")
SettingKind = Literal["category", "subcategory", "registry", "property"]
HostRole = Literal["domain_controller", "exchange_server"]
SwitchOf = Literal["mailbox", "account", "organization"]

NONE, SUCCESS, FAILURE, BOTH = range(4)
"""The values of an audit setting, as GptTmpl.inf and audit.csv write them (MS-GPSB, MS-GPAC)."""


class Setting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One setting: what it is called where it is kept, and what it must hold at least."""

    kind: SettingKind
    name: str
    level: int
    key: str = ""  # the registry key, for registry values

    @property
    def is_audit(self) -> bool:
        """Return whether this is a setting of the audit policy: bits for success and failure."""
        return self.kind in ("category", "subcategory")

    def met_by(self, value: int) -> bool:
        """Return whether `value` is enough: every bit of an audit setting, at least the level of a diagnostic."""
        if self.is_audit:
            return value & self.level == self.level
        return value >= self.level if self.level else value == 0


class AuditCheck(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must be on, for which generations; which question it serves; what shows it; what is lost without it."""

    name: str
    title: str
    generations: tuple[Generation, ...]
    question: Question
    setting: Setting
    lost: str
    switch_on: str
    mark: Mark
    source: str
    proof: dict[str, tuple[int, ...]] = {}
    source_of_records: str = ""
    per_object: bool = False
    hosts: tuple[HostRole, ...] = ()
    channel: str = ""
    audit_entries: tuple[str, ...] = ()
    confused_with: str = ""

    @property
    def by_audit_entries(self) -> bool:
        """Return whether the object's own audit entries decide as well as the setting."""
        return bool(self.audit_entries)


class Switch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One Exchange switch, by all names it has: whose it is, which checks it decides, the value that records."""

    names: tuple[str, ...]
    of: SwitchOf
    checks: tuple[str, ...]
    recording_when: bool
    mark: Mark
    source: str


class Controllers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the directory tells a domain controller: the container it stands in, the RIDs of its primary group."""

    container: str
    primary_groups: tuple[int, ...]
    mark: Mark
    source: str


class Lateness(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How many hours after an act its record may still come."""

    hours: float
    mark: Mark
    source: str


class ActionList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Actions that a mailbox must audit for one logon type, or an access of that kind leaves no record."""

    names: tuple[str, ...]
    actions: tuple[str, ...]
    mark: Mark
    source: str


class Correction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An error that is often repeated, and what is true."""

    claim: str
    truth: str
    confuses: str = ""  # the category that is on where people make this error
    mark: Mark
    source: str


class EventLogSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How large the Security log should be, in megabytes."""

    size_mb: int
    note: str
    mark: Mark


class Sacl(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which writes are to be audited, on which classes of objects.

    `classes` are those of mailboxes, `containers` what hands rights down to them; `never_audited` is the bit of
    searchFlags with which no event shows an attribute's values.
    """

    trustee: str
    classes: tuple[str, ...]
    containers: tuple[str, ...]
    rights: tuple[str, ...]
    exchange_rights: tuple[str, ...]
    attributes: tuple[str, ...]
    never_audited: int
    mark: Mark
    source: str


class SettingWords(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the settings 0 to 3 are called in one language of Windows."""

    language: str
    mark: Mark
    source: str
    words: tuple[str, str, str, str]


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The file."""

    source: str
    policies: dict[str, str]
    policy_readers: tuple[str, ...]
    categories: dict[str, str]
    legacy_of: dict[str, str]
    recorded_by: dict[str, Generation]
    switches: tuple[Switch, ...]
    controllers: Controllers
    lateness: dict[str, Lateness]
    audited_actions: tuple[ActionList, ...]
    age_limit: tuple[str, ...]
    setting_words: tuple[SettingWords, ...]
    corrections: tuple[Correction, ...]
    checks: tuple[AuditCheck, ...]
    forwarded: dict[str, tuple[str, ...]]
    event_log_readers: str
    event_logs: dict[Generation, EventLogSize]
    sacl: Sacl

    def check(self, name: str) -> AuditCheck:
        """Return the check of that name; raises KeyError where there is none."""
        return {check.name: check for check in self.checks}[name]

    def switch_of(self, attribute: str) -> Switch | None:
        """Return the switch that an attribute or property is, None where it is none."""
        return _switches().get(attribute.casefold())

    def checks_of(self, generation: Generation) -> tuple[AuditCheck, ...]:
        """Return the checks of one generation, in the order of the file."""
        return tuple(check for check in self.checks if generation in check.generations)

    def setting_of(self, word: str) -> int | None:
        """Return the value of a setting that a system wrote as a word of its language; None for an unknown word."""
        return _words().get(word.strip().casefold())


@cache
def audit_settings() -> AuditSettings:
    """Return the file; raises KnowledgeError where it contradicts guids.yaml or itself."""
    file = load(FILE, AuditSettings)
    names = [check.name for check in file.checks]
    if len(set(names)) != len(names):
        raise KnowledgeError("two checks of one name", where=FILE)
    _check(file, frozenset(names))
    for name in file.sacl.attributes:
        if guids().guid("attribute", name) is None:
            raise KnowledgeError(f"an attribute without a GUID: {name}", where=FILE)
    for name in (*file.sacl.classes, *file.sacl.containers):
        if guids().guid("class", name) is None:
            raise KnowledgeError(f"a class without a GUID: {name}", where=FILE)
    for name, category in file.legacy_of.items():
        if guids().guid("audit_subcategory", name) is None or category not in file.categories:
            raise KnowledgeError(f"an unknown subcategory or category: {name}, {category}", where=FILE)
    _words()
    return file


def _check(file: AuditSettings, names: frozenset[str]) -> None:
    for check in file.checks:
        known = {
            "category": check.setting.name in file.categories,
            "subcategory": guids().guid("audit_subcategory", check.setting.name) is not None,
            "registry": bool(check.setting.key),
            "property": True,
        }[check.setting.kind]
        if not known or not (check.proof or check.source_of_records):
            raise KnowledgeError("an unknown setting, or nothing that shows it", where=f"{FILE}, {check.name}")
    for switch in file.switches:
        if unknown := set(switch.checks) - set(names):
            raise KnowledgeError(f"a switch of no check: {', '.join(sorted(unknown))}", where=FILE)


@cache
def _switches() -> dict[str, Switch]:
    return {name.casefold(): switch for switch in audit_settings().switches for name in switch.names}


@cache
def _words() -> dict[str, int]:
    words: dict[str, int] = {}
    for language in load(FILE, AuditSettings).setting_words:
        for value, word in enumerate(language.words):
            if words.setdefault(word.casefold(), value) != value:
                raise KnowledgeError(f"one word, two settings: {word}", where=FILE)
    return words
