"""The organisations of each generation: their computers, which log is kept in which form, and who records what."""

from __future__ import annotations

from datetime import date
from typing import Literal

import msgspec

from mailwitness.simulate.evidence_folder import LogPlan
from mailwitness.simulate.generations.cloud_accesses import CloudAccesses
from mailwitness.simulate.generations.cloud_changes import CloudChanges
from mailwitness.simulate.generations.cmdlets_2013 import Cmdlets2013
from mailwitness.simulate.generations.directory_2008 import Directory2008
from mailwitness.simulate.generations.exchange_2003 import Directory2003, Store2003Acts
from mailwitness.simulate.generations.exchange_2007 import Shell2007, Store2007
from mailwitness.simulate.generations.mailbox_2010 import Mailboxes2010
from mailwitness.simulate.generations.part import Teller
from mailwitness.simulate.organisation import organisation
from mailwitness.simulate.population import CHIEF_READERS, plan_of
from mailwitness.simulate.truth import AuditRow, Draft
from mailwitness.simulate.witnesses.admin_audit import AdminAudit
from mailwitness.simulate.witnesses.mailbox_audit import MailboxAudit
from mailwitness.simulate.witnesses.unified_audit import NOWHERE, UnifiedAudit
from mailwitness.simulate.witnesses.windows_2003 import Windows2003
from mailwitness.simulate.witnesses.windows_2008 import Windows2008
from mailwitness.simulate.world import World

Generation = Literal["2003", "2007", "2019", "online", "hybrid"]
GENERATIONS: tuple[Generation, ...] = ("2003", "2007", "2019", "online", "hybrid")
MISSING_FORM = ""
CLOUD_LOGS = {
    "cloud.search": LogPlan(files=("cloud/UnifiedAuditLog.csv",), form="unified_csv"),
    "cloud.purview": LogPlan(files=("cloud/Purview-AuditRecords.csv",), form="unified_purview"),
    "cloud.api": LogPlan(files=("cloud/Audit.Exchange.json",), form="unified_api"),
    "cloud.graph": LogPlan(files=("cloud/graph-auditLogRecords.json",), form="unified_graph"),
}
_START: dict[Generation, date] = {
    "2003": date(2004, 3, 1),
    "2007": date(2008, 9, 1),
    "2019": date(2024, 3, 4),
    "online": date(2025, 3, 3),
    "hybrid": date(2023, 3, 6),
}
_CONTROLLERS: dict[
    Generation, dict[str, str]
] = {  # the domain controllers and the form of their logs; the last is lost
    "2003": {"DC01": "evt", "DC02": "evt", "DC03": MISSING_FORM},
    "2007": {"DC01": "evtx", "DC02": "evtx", "DC03": MISSING_FORM},
    "2019": {
        "DC01": "evtx",
        "DC02": "xml",
        "DC03": "winlogbeat",
        "DC04": "nxlog",
        "DC05": "openwec",
        "DC06": MISSING_FORM,
    },
    "online": {},
    "hybrid": {"DC01": "evtx", "DC02": "openwec", "DC03": MISSING_FORM},
}
_SERVERS: dict[Generation, dict[str, str]] = {
    "2003": {"MAIL01": "evt"},
    "2007": {"MAIL01": "evtx"},
    "2019": {"EXCH01": "evtx", "EXCH02": "csv"},
    "online": {},
    "hybrid": {"EXCH01": "evtx"},
}
_PRIVILEGED = {"2003": "Exchange Domain Servers", "2007": "Exchange Servers"}
_ENDINGS = {"winlogbeat": "json", "nxlog": "json", "openwec": "json"}


class Side(msgspec.Struct):
    """One place where mailboxes are: on premises or in the cloud, with its verbs and its everyday."""

    teller: Teller
    mailboxes: list[str]
    everyday: dict[str, int]  # verb: weight
    cloud: bool = False


class Setup(msgspec.Struct):
    """One organisation ready to be played."""

    generation: Generation
    world: World
    sides: list[Side]
    logs: dict[str, LogPlan]
    start: date
    controllers: list[str]
    servers: list[str]
    privileged: str

    @property
    def missing(self) -> str | None:
        """Return the domain controller whose log nobody kept."""
        return self.controllers[-1] if self.controllers else None


def set_up(generation: Generation, seed: int, mailboxes: int) -> Setup:
    """Return the organisation of a seed."""
    controllers, servers = _CONTROLLERS[generation], _SERVERS[generation]
    privileged = _PRIVILEGED.get(generation, "Organization Management")
    plan = plan_of(seed, generation, mailboxes, (*controllers, *servers), privileged)
    world = World(organisation(plan), f"{generation}-{seed}")
    setup = Setup(
        generation=generation,
        world=world,
        sides=[],
        logs=_logs(generation),
        start=_START[generation],
        controllers=list(controllers),
        servers=list(servers),
        privileged=privileged,
    )
    names = [a.name for a in world.organisation.mailboxes()]
    cloud = set(names) if generation == "online" else set(names[1::2]) if generation == "hybrid" else set()
    on_premises = [n for n in names if n not in cloud]
    if on_premises:
        setup.sides.append(_on_premises(setup, on_premises))
    if cloud:
        setup.sides.append(_cloud(setup, [n for n in names if n in cloud]))
    _standing(setup, names)
    return setup


def _logs(generation: Generation) -> dict[str, LogPlan]:
    logs: dict[str, LogPlan] = {}
    for number, (host, form) in enumerate(_CONTROLLERS[generation].items(), 1):
        files = (f"{host}/Security-{{}}.{_ENDINGS.get(form, form)}",) if form else ()
        logs[f"{host}.security"] = LogPlan(files=files, form=form or None, first_number=number * 100_000 + 1)
    for number, (host, form) in enumerate(_SERVERS[generation].items(), 1):
        first = number * 5_000 + 1
        if generation == "2003":
            logs[f"{host}.security"] = LogPlan(files=(f"{host}/Security.evt",), first_number=first)
            logs[f"{host}.application"] = LogPlan(files=(f"{host}/Application.evt",), first_number=first)
        elif generation == "2007":
            logs[f"{host}.auditing"] = LogPlan(files=(f"{host}/Exchange Auditing.evtx",), first_number=first)
        else:
            file = f"{host}/MSExchange Management.{form}"
            logs[f"{host}.management"] = LogPlan(files=(file,), first_number=first)
    if generation in {"2019", "hybrid"}:
        logs["mailbox.xml"] = LogPlan(files=("audit/SearchResult-mailboxes.xml",), form="mailbox_audit_xml")
        logs["mailbox.csv"] = LogPlan(files=("audit/MailboxAuditLog.csv",), form="mailbox_audit_csv")
        logs["admin"] = LogPlan(files=("audit/SearchResult-administrators.xml",), form="admin_audit_xml")
    if generation in {"online", "hybrid"}:
        logs |= CLOUD_LOGS | {NOWHERE: LogPlan(files=())}
    return logs


def _on_premises(setup: Setup, mailboxes: list[str]) -> Side:
    world, hosts = setup.world, setup.world.organisation.hosts
    if setup.generation == "2003":
        logs = [(hosts[n], Windows2003(world, hosts[n], f"{n}.security")) for n in setup.controllers]
        store = Store2003Acts(world, hosts["MAIL01"], "MAIL01.security", "MAIL01.application")
        everyday = {"owner_logon": 60, "service_open": 20, "dc_logon": 40, "reset_password": 1}
        return Side(Teller([Directory2003(world, logs, setup.missing), store]), mailboxes, everyday)
    modern = [(hosts[n], Windows2008(world, hosts[n], f"{n}.security")) for n in setup.controllers]
    directory = Directory2008(world, modern, setup.missing)
    everyday = {"dc_logon": 60, "admin_logon": 12, "edit_profile": 10, "reset_password": 1}
    if setup.generation == "2007":
        mail = hosts["MAIL01"]
        parts = [directory, Shell2007(world, directory, mail), Store2007(world, mail, "MAIL01.auditing")]
        return Side(Teller(parts), mailboxes, everyday)
    servers = [(hosts[n], f"{n}.management") for n in setup.servers]
    text_only = frozenset(f"{n}.management" for n in setup.servers if _SERVERS[setup.generation][n] == "csv")
    cmdlets = Cmdlets2013(world, directory, servers, AdminAudit("admin"), text_only)
    mailbox_acts = Mailboxes2010(world, servers[0][0], MailboxAudit("mailbox.xml", "mailbox.csv"))
    return Side(Teller([directory, cmdlets, mailbox_acts]), mailboxes, everyday | {"maintain": 4})


def _cloud(setup: Setup, mailboxes: list[str]) -> Side:
    audit = UnifiedAudit(setup.world.organisation, list(CLOUD_LOGS))
    teller = Teller([CloudChanges(setup.world, audit), CloudAccesses(setup.world, audit)])
    everyday = {"owner_read": 60, "owner_sync": 12, "owner_delete": 10, "owner_update": 10, "service_grant": 3}
    return Side(teller, mailboxes, everyday, cloud=True)


def _standing(setup: Setup, names: list[str]) -> None:
    """Give the rights that stand since before the history: assistants, the chief's readers, the privileged group."""
    world = setup.world
    account = world.organisation.account
    for at in range(0, len(names) - 1, 6):
        boss, assistant = names[at], names[at + 1]
        world.set_mailbox_rights(account(boss), account(assistant), ("FullAccess",))
        world.ledger.grant(boss, assistant, "FullAccess", None)
    world.set_mailbox_rights(account(names[0]), account(CHIEF_READERS), ("FullAccess",))
    world.ledger.grant(names[0], CHIEF_READERS, "FullAccess", None)
    if setup.generation in _PRIVILEGED:
        world.ledger.grant_everywhere(setup.privileged, "ReceiveAs", None)


def written_twice(draft: Draft) -> Draft | None:
    """Return the copy of a unified audit record that another container holds as well: one in eight has one."""
    record = draft.record
    if not isinstance(record, AuditRow) or not draft.log.startswith("cloud.") or int(record.row_id[:2], 16) % 8:
        return None
    logs = list(CLOUD_LOGS)
    return Draft(logs[(logs.index(draft.log) + 1) % len(logs)], record)
