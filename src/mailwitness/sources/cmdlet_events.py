"""The events a cmdlet makes, by knowledge/exchange_cmdlets.yaml: the same whichever log kept the cmdlet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mailwitness.knowledge.exchange_cmdlets import ALL, CmdletEvent, cmdlets, right_name
from mailwitness.sources.cmdlet_parameters import Parameters, Value, split_list
from mailwitness.sources.mailbox_reference import mailbox_form, sid_of

_NOTHING = Value()


def is_described(cmdlet: str) -> bool:
    """Return whether knowledge/ says anything of this cmdlet."""
    return cmdlet.casefold() in cmdlets()


def events_of(
    cmdlet: str,
    parameters: Parameters,
    modified: str | None = None,
    caller: str | None = None,
    old_values: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return the fields (kind, action, whose, to whose favour, ...) of each event the cmdlet makes.

    `modified` is the object the log says was modified, for cmdlets that name no mailbox themselves; `caller` is
    whose mailbox is meant where a cmdlet without a mailbox means the caller's own; `old_values` are what the log says
    the modified properties were before.
    """
    described = cmdlets().get(cmdlet.casefold())
    if described is None:
        return []
    before = {name.casefold(): value for name, value in (old_values or {}).items()}
    made: list[dict[str, Any]] = []
    for template in described.events:
        if _holds(template, parameters):
            made.extend(_fill(template, parameters, modified, caller))
    for fields in made:
        if fields["attribute"] is not None and fields["before"] is None:
            fields["before"] = before.get(fields["attribute"].casefold())
    return made


def may_say_nothing(cmdlet: str) -> bool:
    """Return whether the cmdlet has uses that touch nothing of what is recorded."""
    described = cmdlets().get(cmdlet.casefold())
    return described is None or described.may_say_nothing


def _holds(template: CmdletEvent, parameters: Parameters) -> bool:
    return all(_condition(parameters.get(name), condition) for name, condition in template.when.items())


def _condition(value: Value | None, condition: str | tuple[str, ...]) -> bool:
    if isinstance(condition, tuple):
        return value is not None and value.text.casefold() in condition
    if condition == "absent":
        return value is None
    if condition == "not_true":
        return value is None or value.truth is not True
    if value is None:
        return False
    return {
        "given": True,
        "true": value.truth is True,
        "empty": not value.text and not value.is_table,
        "filled": bool(value.text),
    }[condition]


def _fill(
    template: CmdletEvent, parameters: Parameters, modified: str | None, caller: str | None
) -> Iterator[dict[str, Any]]:
    """Yield the fields of one template: once, or for each mailbox, trustee or setting."""
    common = _common(template, parameters)
    if template.per_mailbox:
        whose = [_reference(name) for name in _members(_first(template.per_mailbox, parameters))] or [{}]
    else:
        whose = [_whose(template, parameters, modified, caller)]
    for mailbox in whose:
        fields = common | mailbox
        if template.each:
            for name in template.each:
                value = parameters.get(name)
                if value is not None:
                    yield fields | {"attribute": name, "after": value.text}
        elif template.trustee:
            for trustee in _trustees(template, parameters):
                yield fields | {"trustee_name": trustee, "trustee_sid": sid_of(trustee)}
        else:
            yield fields


def _common(template: CmdletEvent, parameters: Parameters) -> dict[str, Any]:
    rights = list(template.rights)
    for name in template.rights_from:
        value = parameters.get(name)
        if value is not None:
            rights += [right_name(right) for right in _members(value, comma=True)]
    group = _first(template.group, parameters)
    app = _first(template.app_id, parameters)
    thing = _first(template.object, parameters)
    return {
        "kind": template.kind,
        "action": template.action,
        "scope": template.scope,
        "rights": tuple(dict.fromkeys(rights)),
        "attribute": template.attribute,
        "strength": template.strength,
        "object_class": template.object_class,
        "object_dn": thing.text or None if thing else None,
        "group_name": group.text or None if group else None,
        "group_sid": sid_of(group.text) if group else None,
        "app_id": app.text or None if app else None,
        "before": _as_text(template.before_from, parameters),
        "after": _as_text(template.after_from, parameters),
    }


def _whose(template: CmdletEvent, parameters: Parameters, modified: str | None, caller: str | None) -> dict[str, Any]:
    """Return whose mailbox (and which folder) a template means; nothing for events of no mailbox."""
    if template.scope not in {"mailbox", "folder", "directory"}:
        return {}
    name, value = next(
        ((n, v) for n in template.mailbox if (v := parameters.get(n)) is not None and v.text), ("", None)
    )
    text = value.text if value is not None else modified
    if template.identity == "folder" and text is not None:
        mailbox, folder = _split_folder(text)
        return _reference(mailbox) | {"folder": folder}
    if template.identity == "rule" and name != "Mailbox":
        mailbox, backslash, _rule = (text or "").rpartition("\\")
        if backslash:
            text = mailbox
        elif template.own_mailbox:
            text = caller  # a bare rule name: a rule of the caller's own mailbox
    return _reference(text) if text else {}


def _reference(text: str) -> dict[str, Any]:
    return {"mailbox_ref": text, "mailbox_ref_form": mailbox_form(text)}


def _split_folder(text: str) -> tuple[str, str | None]:
    r"""Return the mailbox and the folder of `kim:\Calendar`."""
    mailbox, colon, folder = text.partition(":\\")
    if colon:
        return mailbox, "\\" + folder
    mailbox, colon, folder = text.rpartition(":")
    return (mailbox, folder) if colon and mailbox else (text, None)


def _trustees(template: CmdletEvent, parameters: Parameters) -> tuple[str, ...]:
    value = _first(template.trustee, parameters)
    if value is None:
        return ()
    if template.take == "added":
        return value.added
    if template.take == "removed":
        return value.removed
    return () if value.is_table else _members(value)


def _first(names: tuple[str, ...], parameters: Parameters) -> Value | None:
    return next((value for name in names if (value := parameters.get(name)) is not None), None)


def _members(value: Value | None, *, comma: bool = False) -> tuple[str, ...]:
    """Return the members of a list, which the audit logs join into one text: by `;`, rights by a comma."""
    if value is None:
        return ()
    if len(value.texts) > 1:
        return value.texts
    return tuple(part for text in value.texts for part in split_list(text, comma=comma))


def _as_text(name: str | None, parameters: Parameters) -> str | None:
    if name is None:
        return None
    if name == ALL:
        return parameters.text
    value = parameters.get(name)
    return value.text if value is not None else None
