"""The binary XML templates of EVTX records, as trees, and which values fill them.

A record names a template, which stands once in its chunk, and brings the substitution values. The system template's
indexes are those Windows itself writes (0 Level, 1 Opcode, 2 Task, 3 EventID, 4 Qualifiers, 5 Keywords, 6 TimeCreated,
7 ActivityID, 8 ProcessID, 9 ThreadID, 10 EventRecordID, 11 Version, 12 Security UserID, 14 to 16 provider and channel):
readers may rely on them. Reference: [MS-EVEN6] 2.2.12 to 2.2.21 (BinXml).
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import msgspec

from mailwitness.simulate.windows_record import WindowsRecord

NAMESPACE = "http://schemas.microsoft.com/win/2004/08/events/event"
NO_DEPENDENCY = 0xFFFF

NULL, STRING, UINT8, UINT16, UINT32, UINT64 = 0x00, 0x01, 0x04, 0x06, 0x08, 0x0A
BINARY, GUID, FILETIME, SID, HEX32, HEX64 = 0x0E, 0x0F, 0x11, 0x13, 0x14, 0x15
BINARY_XML, STRING_ARRAY = 0x21, 0x81
"""Value types of BinXml ([MS-EVEN6] 2.2.20)."""

VALUE_TYPES = {
    "SubjectUserSid": SID,
    "TargetUserSid": SID,
    "TargetSid": SID,
    "MemberSid": SID,
    "SubjectLogonId": HEX64,
    "TargetLogonId": HEX64,
    "TargetLinkedLogonId": HEX64,
    "LogonGuid": GUID,
    "TargetLogonGuid": GUID,
    "OpCorrelationID": GUID,
    "ObjectGUID": GUID,
    "SubcategoryGuid": GUID,
    "AccessMask": HEX32,
    "LogonType": UINT32,
    "KeyLength": UINT32,
}
"""The EventData fields that Security records carry as something else than text (seen in decoded records)."""


class Text(msgspec.Struct, frozen=True):
    """Text that stands in the template itself."""

    text: str


class Slot(msgspec.Struct, frozen=True):
    """The place of a substitution value; an optional one takes its element or attribute away when it is empty."""

    index: int
    value_type: int
    optional: bool = True


class Element(msgspec.Struct, frozen=True):
    """An element of a template; `slot` is the optional value its presence depends on."""

    name: str
    attributes: tuple[tuple[str, Text | Slot], ...] = ()
    content: tuple[Element | Text | Slot, ...] = ()
    slot: int = NO_DEPENDENCY


class Template(msgspec.Struct, frozen=True):
    """A whole template with its identity; `bound` is its size if every name stands in it."""

    root: Element
    guid: bytes
    bound: int


def template_of(root: Element) -> Template:
    """Return `root` as a template whose GUID follows from its content, so that files come out the same."""
    guid = hashlib.sha256(repr(root).encode("utf-8", "surrogatepass")).digest()[:16]
    return Template(root, guid, 24 + 4 + _bound(root) + 1)


def _bound(node: Element | Text | Slot) -> int:
    if isinstance(node, Text):
        return 4 + 2 * len(node.text)
    if isinstance(node, Slot):
        return 4
    size = 7 + _name_bound(node.name) + 4 + 2
    size += sum(1 + _name_bound(name) + _bound(value) for name, value in node.attributes)
    return size + sum(_bound(child) for child in node.content)


def _name_bound(name: str) -> int:
    return 4 + 8 + 2 * len(name) + 2


def _leaf(name: str, index: int, value_type: int) -> Element:
    return Element(name, content=(Slot(index, value_type),), slot=index)


def _event(system: tuple[Element, ...], body: Element | Slot, slot: int) -> Element:
    return Element("Event", (("xmlns", Text(NAMESPACE)),), (Element("System", content=system), body), slot)


def _system_tail(channel: Text | Slot, computer: str) -> tuple[Element, ...]:
    return (
        Element("Channel", content=(channel,)),
        Element("Computer", content=(Text(computer),)),
        Element("Security", (("UserID", Slot(12, SID)),)),
    )


_EVENT_ID = Element("EventID", (("Qualifiers", Slot(4, UINT16)),), (Slot(3, UINT16),), 3)
_TIME = Element("TimeCreated", (("SystemTime", Slot(6, FILETIME)),))
_NUMBER = _leaf("EventRecordID", 10, UINT64)
_EXECUTION = Element("Execution", (("ProcessID", Slot(8, UINT32)), ("ThreadID", Slot(9, UINT32))))
_CORRELATION = Element("Correlation", (("ActivityID", Slot(7, GUID)), ("RelatedActivityID", Slot(13, GUID))))
_HEAD = (_leaf("Version", 11, UINT8), _leaf("Level", 0, UINT8), _leaf("Task", 2, UINT16), _leaf("Opcode", 1, UINT8))
_KEYWORDS = _leaf("Keywords", 5, HEX64)

MANIFEST_BODY, LITERAL_BODY = 17, 19
"""The substitution that holds the event's own data: 17 where provider and channel are values, else 19."""


@lru_cache(maxsize=1024)
def system_template(
    provider: str, provider_guid: str | None, channel: str, computer: str, *, classic: bool, user_data: bool
) -> Template:
    """Return the template of everything around the event's own data.

    Providers with a manifest share one template per computer (provider and channel are values); classic providers and
    UserData have their provider and channel in the template.
    """
    if classic:
        source = Element("Provider", (("Name", Text(provider)),))
        system: tuple[Element, ...] = (source, _EVENT_ID, _HEAD[1], _HEAD[2], _KEYWORDS, _TIME, _NUMBER)
        system += _system_tail(Text(channel), computer)
        return template_of(_event(system, Slot(LITERAL_BODY, BINARY_XML), LITERAL_BODY))
    if user_data:
        names: tuple[tuple[str, Text | Slot], ...] = (("Name", Text(provider)), ("Guid", Text(provider_guid or "")))
        source, text_channel = Element("Provider", names), Text(channel)
        middle = (source, _EVENT_ID, *_HEAD, _KEYWORDS, _TIME, _NUMBER, _CORRELATION, _EXECUTION)
        body = Element("UserData", content=(Slot(LITERAL_BODY, BINARY_XML),), slot=LITERAL_BODY)
        return template_of(_event((*middle, *_system_tail(text_channel, computer)), body, LITERAL_BODY))
    source = Element("Provider", (("Name", Slot(14, STRING)), ("Guid", Slot(15, GUID))))
    middle = (source, _EVENT_ID, *_HEAD, _KEYWORDS, _TIME, _NUMBER, _CORRELATION, _EXECUTION)
    tail = _system_tail(Slot(16, STRING), computer)
    return template_of(_event((*middle, *tail), Slot(MANIFEST_BODY, BINARY_XML), MANIFEST_BODY))


@lru_cache(maxsize=1024)
def body_template(names: tuple[str, ...], user_data: tuple[str, str] | None, *, strings: bool = True) -> Template:
    """Return the template of the event's own data: named Data, unnamed Data (with Binary), or a UserData element."""
    if user_data is not None:
        element, namespace = user_data
        children = tuple(
            Element(n, content=(Slot(i, VALUE_TYPES.get(n, STRING), optional=False),)) for i, n in enumerate(names)
        )
        return template_of(Element(element, (("xmlns", Text(namespace)),), children))
    if not names:
        binary = Element("Binary", content=(Slot(2, BINARY),), slot=2)
        data = (Element("Data", content=(Slot(0, STRING_ARRAY),), slot=0),) if strings else ()
        return template_of(Element("EventData", content=(*data, binary)))
    fields = tuple(
        Element("Data", (("Name", Text(n)),), (Slot(i, VALUE_TYPES.get(n, STRING), optional=False),))
        for i, n in enumerate(names)
    )
    return template_of(Element("EventData", content=fields))


def templates_of(record: WindowsRecord) -> tuple[Template, Template]:
    """Return the outer and the inner template of a record."""
    outer = system_template(
        record.provider,
        record.provider_guid,
        record.channel,
        record.computer,
        classic=record.qualifiers is not None,
        user_data=record.user_data is not None,
    )
    return outer, body_template(record.names, record.user_data, strings=bool(record.values))
