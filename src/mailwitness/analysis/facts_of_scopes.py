"""What acts and exports say of management scopes and application access policies, into a gathering."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from mailwitness.analysis.change import Act, Change
from mailwitness.analysis.gathering import Gathering, Single
from mailwitness.analysis.limits import limit_of_parameters, parameters_of
from mailwitness.analysis.presence import End
from mailwitness.analysis.scopes import Definition, Stated
from mailwitness.directory.clock import micros
from mailwitness.directory.model import Setting
from mailwitness.directory.spelling import called
from mailwitness.knowledge.exchange_roles import exchange_roles

_SCOPE, _POLICY, _ASSIGNMENT = "ManagementScope", "ApplicationAccessPolicy", "ManagementRoleAssignment"
_FILTERS = ("recipientrestrictionfilter", "recipientfilter")
_ROOTS = ("recipientroot",)
_EXCLUSIVE = ("exclusive",)
_OTHERS = (
    "serverrestrictionfilter",
    "serverlist",
    "serverfilter",
    "databaserestrictionfilter",
    "databaselist",
    "databasefilter",
    "partnerdelegatedtenantrestrictionfilter",
)
_OF_SCOPES = (*_FILTERS, *_ROOTS, *_EXCLUSIVE, *_OTHERS, "name", "identity", "force", "confirm", "whatif")
_OF_POLICIES = ("appid", "accessright", "policyscopegroupid", "description", "confirm", "whatif", "identity")
_APPLICATION = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}):")
"""The application in the identity of a policy: TENANT\\APPLICATION:GROUP;POLICY."""


class FactsOfScopes:
    """Reads scopes, policies and altered assignments into a gathering."""

    def __init__(self, gathering: Gathering) -> None:
        """Use `gathering`."""
        self.gathering = gathering
        self.identities = gathering.identities

    def take(self, change: Change, act: Act, end: End) -> bool:
        """Take in a change of a scope, a policy or an assignment; return False for a change of something else."""
        cmdlet = (act.main["event_code"] or "").casefold()
        if change.object_class == _SCOPE:
            self._scope(change, cmdlet)
        elif change.object_class == _POLICY:
            self._policy(change, cmdlet, end)
        elif change.object_class == _ASSIGNMENT:
            self._assignment(change, end)
        else:
            return False
        return True

    def settings(self, rows: Iterable[Setting]) -> None:
        """Take in exports of Get-ManagementScope and Get-ApplicationAccessPolicy."""
        objects: dict[tuple[str, str, datetime], dict[str, str]] = {}
        for row in rows:
            name = row.attribute.casefold()
            if name in _OF_EXPORTS:
                objects.setdefault((row.evidence_sha256, row.dn, row.observed_at), {})[name] = row.value or ""
        for (evidence, name, at), told in objects.items():
            if "appid" in told and "accessright" in told:
                end = End(at=at, how="snapshot", evidence_sha256=(evidence,))
                group = told.get("scopeidentityraw") or told.get("scopeidentity") or told.get("scopename")
                self._stands(told["appid"], told["accessright"], group, at, end, is_act=False)
            elif "recipientfilter" in told or "scoperestrictiontype" in told:
                definition = _definition({key: (value,) if value else () for key, value in told.items()})
                self._stated(called(name), Stated(micros(at), is_act=False, definition=definition))

    def _stated(self, name: str, stated: Stated) -> None:
        self.gathering.kept.scopes.setdefault(name.casefold(), []).append(stated)

    def _scope(self, change: Change, cmdlet: str) -> None:
        at, name = micros(change.occurred_at), change.object_dn
        if not name:
            return
        told = parameters_of(change.after, _OF_SCOPES)
        is_new = "identity" not in told
        if cmdlet.startswith("remove-") or not (is_new or set(told) & {*_FILTERS, *_ROOTS, *_OTHERS, "name"}):
            self._stated(name, Stated(at, is_act=True, definition=None))
            return
        definition = _definition(told)
        fields = (("filter", _FILTERS), ("root", _ROOTS), ("is_exclusive", _EXCLUSIVE), ("other", _OTHERS))
        named = frozenset(field for field, names in fields if set(told) & set(names))
        self._stated(name, Stated(at, is_act=True, definition=definition, told=named, is_change=not is_new))

    def _policy(self, change: Change, cmdlet: str, end: End) -> None:
        at = change.occurred_at
        told = parameters_of(change.after, _OF_POLICIES)
        if told.get("policyscopegroupid"):
            for application in change.trustee_name.split(";") if change.trustee_name else told.get("appid", ()):
                for right in told.get("accessright", ()):
                    self._stands(application, right, told["policyscopegroupid"][0], at, end, is_act=True)
        elif cmdlet.startswith("remove-"):
            self._removed(change.object_dn or change.before or "", at, end)

    def _stands(self, application: str, right: str, group: str | None, at: datetime, end: End, *, is_act: bool) -> None:
        if not group:
            return
        app = self.identities.meant(application.strip(), "app_id", at).things[0]
        of_group = self.gathering.meant(group, micros(at))[0]
        policy = Single("policy", of_group, app, 0, right.strip().casefold())
        self.gathering.single(policy, at, end, stands=True, is_act=is_act)

    def _removed(self, identity: str, at: datetime, end: End) -> None:
        """Note the end of a policy, named by its identity: all of the application's that it can mean."""
        found = _APPLICATION.search(identity)
        if found is None:
            return
        app = self.identities.meant(found[1], "app_id", at).things[0]
        mine = [s for s in self.gathering.singles if s.kind == "policy" and s.trustee == app]
        named = [s for s in mine if self._is_named(s.target, identity[found.end() :])]
        for policy in named or (mine if len(mine) == 1 else []):
            self.gathering.single(policy, at, end, stands=False, is_act=True)

    def _is_named(self, group: int, rest: str) -> bool:
        thing = self.identities.thing(group)
        names = {name.casefold() for form in ("sid", "guid", "smtp", "alias") for name in thing.names(form)}
        return rest.split(";", 1)[0].strip().casefold() in names

    def _assignment(self, change: Change, end: End) -> None:
        """Note another scope of an assignment that stood (Set-ManagementRoleAssignment)."""
        limit = limit_of_parameters(parameters_of(change.after, scope_parameters()), is_new=False)
        if limit is None or limit.kind != "unstated":
            organization = self.identities.ensure("the organization", "typed")
            name = (change.object_dn or "").casefold()
            for right in self.gathering.singles_on("role", organization):
                if right.assignment == name and right.limit != limit and self.gathering.stands(right):
                    self.gathering.single(right, change.occurred_at, end, stands=False, is_act=True)
                    other = right._replace(limit=limit)
                    self.gathering.single(other, change.occurred_at, end, stands=True, is_act=True)


_OF_EXPORTS = frozenset(
    {"appid", "accessright", "scopeidentity", "scopeidentityraw", "scopename", "recipientfilter", "recipientroot"}
    | {"exclusive", "scoperestrictiontype", "serverfilter", "databasefilter"}
)


def scope_parameters() -> list[str]:
    """Return the parameters of a role assignment that can limit it, and those before which their values end."""
    names = [parameter.name.casefold() for parameter in exchange_roles().scope_parameters]
    others = (
        "name role user securitygroup app computer policy identity delegating confirm whatif force unscopedtoplevel"
    )
    configured = "customconfigwritescope exclusiveconfigwritescope configwritescope enabled"
    return [*names, *others.split(), *configured.split()]


def _definition(told: Mapping[str, tuple[str, ...]]) -> Definition:
    """Return a scope by what was told of it; a parameter told twice is kept as a text that nobody evaluates."""
    known = {name: values for name, values in told.items() if values}
    twice = [name for name in (*_FILTERS, *_ROOTS, *_EXCLUSIVE) if len(known.get(name, ())) > 1]
    other = [f"{name} {' or '.join(known[name])}" for name in (*_OTHERS, *twice) if name in known]
    one = {name: values[0] for name, values in known.items() if name not in twice}
    exclusive = one.get("exclusive", "false").casefold()
    return Definition(
        filter=next((one[name] for name in _FILTERS if name in one), None),
        root=next((one[name] for name in _ROOTS if name in one), None),
        is_exclusive=exclusive in ("true", "$true"),
        other="; ".join(other) or None,
    )
