"""Random histories of an organisation: grants, refusals, revocations, nested groups, renames, accesses.

A history is a list of plain steps. `evidence_of` writes them down as a domain controller, an Exchange server and a
directory snapshot would; `tests/analysis/reach_oracle.py` works out from the same steps, by other means, who could do
what. The two share these steps and nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from tests.analysis.rows import row

from mailwitness.descriptors.binary import write_binary
from mailwitness.descriptors.sddl import parse_sddl
from mailwitness.directory.model import DescriptorOf, Member, Principal, Snapshot
from mailwitness.knowledge.guids import guids

BASE = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SID = "S-1-5-21-11-22-33-{}"
OWNERS, ACCOUNTS, GROUPS = ("own0", "own1"), ("acc0", "acc1", "acc2"), ("grp0", "grp1", "grp2", "grp3")
PEOPLE = (*OWNERS, *ACCOUNTS)
TRUSTEES = (*ACCOUNTS, *GROUPS)
LISTS = ("own0.mailbox", "own1.mailbox", "own0.object", "own1.object", "database", "organization", "staff")
CONFIG = "CN=Fab,CN=Microsoft Exchange,CN=Services,CN=Configuration,DC=fab,DC=example"
DNS = {"database": f"CN=DB1,CN=Databases,{CONFIG}", "organization": CONFIG, "staff": "OU=Staff,DC=fab,DC=example"}
RIDS = {name: 1100 + place for place, name in enumerate((*PEOPLE, *GROUPS, "database", "organization", "staff"))}
SEND_AS, RECEIVE_AS = "ab721a54-1e2f-11d0-9819-00aa0040529b", "ab721a56-1e2f-11d0-9819-00aa0040529b"


@dataclass(frozen=True)
class Rule:
    """One entry of a list: whom it allows or refuses what (open or send)."""

    trustee: str
    allows: bool
    what: str  # open | send


@dataclass(frozen=True)
class Step:
    """One thing that happened, an hour after the one before."""

    verb: str
    subject: str = ""
    other: str = ""
    rule: Rule | None = None
    by_cmdlet: bool = False


@dataclass
class History:
    """What stood before anything was recorded, and what happened then."""

    rules: dict[str, set[Rule]] = field(default_factory=lambda: {name: set() for name in LISTS})
    members: set[tuple[str, str]] = field(default_factory=set)
    steps: list[Step] = field(default_factory=list)
    snapshots: frozenset[int] = frozenset()

    def at(self, number: int) -> datetime:
        """Return when step `number` happens."""
        return BASE + number * HOUR


@st.composite
def rules(draw, place):
    """One entry that makes sense on a list."""
    what = "open" if place.endswith("mailbox") else "send" if place.endswith("object") else draw(_WHAT)
    if place == "staff":
        what = "send"
    return Rule(draw(st.sampled_from(TRUSTEES)), draw(st.booleans()) or draw(st.booleans()), what)


_WHAT = st.sampled_from(["open", "open", "send"])


@st.composite
def steps(draw):
    """One step."""
    verb = draw(st.sampled_from("set set clear join join leave rename access access access".split()))
    if verb in ("set", "clear"):
        place = draw(st.sampled_from(LISTS))
        return Step(verb, place, rule=draw(rules(place)), by_cmdlet=place.endswith("mailbox") and draw(st.booleans()))
    if verb in ("join", "leave"):
        return Step(verb, draw(st.sampled_from((*ACCOUNTS, *GROUPS))), draw(st.sampled_from(GROUPS)))
    if verb == "rename":
        return Step(verb, draw(st.sampled_from(PEOPLE)), draw(st.sampled_from(["red", "blue", "free"])))
    return Step(verb, draw(st.sampled_from(ACCOUNTS)), draw(st.sampled_from(OWNERS)), by_cmdlet=draw(st.booleans()))


@st.composite
def histories(draw):
    """A history whose every step changes something."""
    history = History()
    for place in LISTS:
        history.rules[place] = draw(st.sets(rules(place), max_size=2))
    links = st.tuples(st.sampled_from((*ACCOUNTS, *GROUPS)), st.sampled_from(GROUPS))
    history.members = {(m, g) for m, g in draw(st.sets(links, max_size=5)) if m != g}
    state = State.of(history)
    for step in draw(st.lists(steps(), min_size=1, max_size=14)):
        if state.can(step):
            history.steps.append(step)
            state.do(step)
    whole = st.sets(st.integers(0, len(history.steps)), min_size=1, max_size=3)
    history.snapshots = frozenset(draw(whole))
    return history


@dataclass
class State:
    """What stands at one time."""

    rules: dict[str, set[Rule]]
    members: set[tuple[str, str]]
    names: dict[str, str]

    @classmethod
    def of(cls, history: History) -> State:
        """Return what stood before everything."""
        named = {name: f"FAB\\{name}" for name in PEOPLE}
        return cls({k: set(v) for k, v in history.rules.items()}, set(history.members), named)

    def can(self, step: Step) -> bool:
        """Return whether the step would change something (an access always can)."""
        if step.verb == "set":
            return step.rule not in self.rules[step.subject]
        if step.verb == "clear":
            return step.rule in self.rules[step.subject]
        link = (step.subject, step.other)
        if step.verb == "join":
            return step.subject != step.other and link not in self.members
        if step.verb == "leave":
            return link in self.members
        if step.verb == "rename":
            return f"FAB\\{step.other}" not in self.names.values()
        return True

    def do(self, step: Step) -> None:
        """Let the step happen."""
        if step.verb == "set":
            self.rules[step.subject].add(step.rule)
        elif step.verb == "clear":
            self.rules[step.subject].discard(step.rule)
        elif step.verb == "join":
            self.members.add((step.subject, step.other))
        elif step.verb == "leave":
            self.members.discard((step.subject, step.other))
        elif step.verb == "rename":
            self.names[step.subject] = f"FAB\\{step.other}"


def sid(name: str) -> str:
    return SID.format(RIDS[name])


def guid(name: str) -> str:
    return f"00000000-0000-0000-0000-{RIDS[name]:012d}"


def dn(name: str) -> str:
    return DNS.get(name) or f"CN={name.title()},OU=Staff,DC=fab,DC=example"


def sddl(place: str, entries: set[Rule]) -> str:
    """Return a list in canonical order, with the defaults that give nobody else anything."""
    ordered = sorted(entries, key=lambda rule: (rule.allows, rule.trustee, rule.what))
    return "O:PSG:PSD:(A;CI;RC;;;PS)" + "".join(_ace(place, rule) for rule in ordered)


def _ace(place: str, rule: Rule) -> str:
    if place.endswith("mailbox"):
        return f"({'A' if rule.allows else 'D'};CI;CC;;;{sid(rule.trustee)})"
    right = RECEIVE_AS if rule.what == "open" else SEND_AS
    return f"({'OA' if rule.allows else 'OD'};CI;CR;{right};;{sid(rule.trustee)})"


def attribute(place: str) -> str:
    return "msExchMailboxSecurityDescriptor" if place.endswith("mailbox") else "nTSecurityDescriptor"


def evidence_of(history: History) -> tuple[list[dict[str, Any]], Observations]:
    """Return what is recorded of a history: rows of events, and the snapshots."""
    state, rows, seen = State.of(history), [], Observations()
    for number, step in enumerate(history.steps):
        if number in history.snapshots:
            seen.look(state, history.at(number) - HOUR / 2)
        rows += _records(state, step, history.at(number))
        state.do(step)
    if len(history.steps) in history.snapshots:
        seen.look(state, history.at(len(history.steps)) - HOUR / 2)
    return rows, seen


def _records(state: State, step: Step, at: datetime) -> list[dict[str, Any]]:
    seconds = (at - datetime(2026, 3, 2, 9, 0, tzinfo=UTC)).total_seconds()
    if step.verb in ("set", "clear") and step.by_cmdlet:
        return [_cmdlet(seconds, state, step)]
    if step.verb in ("set", "clear"):
        return _descriptor(seconds, state, step)
    if step.verb in ("join", "leave"):
        return [
            row(
                seconds,
                kind="membership",
                action="added" if step.verb == "join" else "removed",
                event_code="4728",
                trustee_sid=sid(step.subject),
                trustee_name=dn(step.subject),
                group_sid=sid(step.other),
                group_name=f"FAB\\{step.other}",
                actor_name="FAB\\admin",
            )
        ]
    if step.verb == "rename":
        new = f"FAB\\{step.other}"
        return [
            row(
                seconds,
                kind="account",
                action="renamed",
                event_code="4781",
                attribute="sAMAccountName",
                trustee_sid=sid(step.subject),
                trustee_name=new,
                mailbox_ref=new,
                mailbox_ref_form="account",
                before=state.names[step.subject].split("\\")[1],
                after=step.other,
            )
        ]
    return [_access(seconds, state, step)]


def _access(seconds: float, state: State, step: Step) -> dict[str, Any]:
    """An account opens a mailbox, or sends as its owner; both are known by the names they have then."""
    mailbox = {"mailbox_ref": state.names[step.other], "mailbox_ref_form": "account"}
    return row(
        seconds,
        kind="access",
        action="send_as" if step.by_cmdlet else "item_read",
        source="mailbox_audit",
        scope="mailbox",
        actor_name=state.names[step.subject],
        logon_type="delegate",
        strength="read",
        **mailbox,
    )


def _cmdlet(seconds: float, state: State, step: Step) -> dict[str, Any]:
    rule, owner = step.rule, step.subject.split(".")[0]
    given = {True: "granted", False: "denied"}[rule.allows]
    taken = {True: "revoked", False: "changed"}[rule.allows]
    trustee = state.names.get(rule.trustee, f"FAB\\{rule.trustee}")
    return row(
        seconds,
        kind="permission",
        action=given if step.verb == "set" else taken,
        attribute="Deny" if step.verb == "clear" and not rule.allows else None,
        source="exchange_cmdlets",
        event_code="1",
        scope="mailbox",
        rights=["FullAccess"],
        mailbox_ref=state.names[owner],
        mailbox_ref_form="account",
        trustee_name=trustee,
        actor_name="fab.example/Admins/Admin",
        logon_id=None,
    )


def _descriptor(seconds: float, state: State, step: Step) -> list[dict[str, Any]]:
    name, before = step.subject.split(".")[0], state.rules[step.subject]
    after = before | {step.rule} if step.verb == "set" else before - {step.rule}
    plain = {
        "kind": "permission",
        "action": "changed",
        "event_code": "5136",
        "op_correlation_id": f"{{{seconds}}}",
        "object_dn": dn(name),
        "object_guid": guid(name),
        "object_class": "user" if name in PEOPLE else "msExchPrivateMDB",
        "attribute": attribute(step.subject),
        "actor_name": "FAB\\admin",
    }
    first = row(seconds, before=sddl(step.subject, before), **plain)
    return [first, row(seconds + 0.001, after=sddl(step.subject, after), **plain)]


class Observations:
    """Snapshots of the whole directory, in memory."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.principals: list[Principal] = []
        self.members: list[Member] = []
        self.descriptors: list[DescriptorOf] = []
        self.settings: list[Any] = []
        self.stated_rights: list[Any] = []
        self.role_assignments: list[Any] = []
        self.guids = guids()
        self._bytes: dict[str, bytes] = {}

    def descriptor(self, sha256: str) -> bytes:
        return self._bytes[sha256]

    def look(self, state: State, at: datetime) -> None:
        """Take a snapshot."""
        of = {"observed_at": at, "evidence_sha256": hashlib.sha256(str(at).encode()).hexdigest()}
        self.snapshots.append(Snapshot(**of, complete=True))
        for name in (*PEOPLE, *GROUPS, *DNS):
            self.principals.append(_principal(name, state, of))
        for member, group in state.members:
            link = {"group_dn": dn(group), "group_guid": guid(group), "member_dn": dn(member)}
            self.members.append(Member(**of, attribute="member", **link))
        for place, entries in state.rules.items():
            data = write_binary(parse_sddl(sddl(place, entries)))
            sha256 = hashlib.sha256(data).hexdigest()
            self._bytes[sha256] = data
            name = place.split(".")[0]
            kept = {"attribute": attribute(place), "dn": dn(name), "object_guid": guid(name), "sha256": sha256}
            self.descriptors.append(DescriptorOf(**of, **kept))


def _principal(name: str, state: State, of: dict[str, Any]) -> Principal:
    common = {**of, "object_guid": guid(name), "dn": dn(name)}
    if name in GROUPS:
        kind = {"kind": "group", "object_class": "group", "group_type": 0x80000002}
        return Principal(**common, **kind, sid=sid(name), account=f"FAB\\{name}")
    if name in DNS:
        kind = {"database": "database", "organization": "organization", "staff": "container"}[name]
        return Principal(**common, kind=kind, object_class=kind)
    home = {"home_mdb": DNS["database"]} if name in OWNERS else {}
    return Principal(**common, kind="user", object_class="user", sid=sid(name), account=state.names[name], **home)
