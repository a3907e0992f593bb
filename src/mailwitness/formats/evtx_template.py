"""Where a template of an EVTX chunk puts the event id, the record number, the computer and the channel.

A record of an .evtx file names a template (the constant part of its XML, kept once a chunk) and gives the values that
fill its holes. Which hole is the event id is a habit of Windows, not a rule of the format, so it is read from the
template itself. Layout of the tokens: the open specification of BinXML, [MS-EVEN6] 2.2.12 to 2.2.17.
"""

from __future__ import annotations

import struct

import msgspec

_U16 = struct.Struct("<H").unpack_from
_U32 = struct.Struct("<I").unpack_from

_HEADER = 24  # next definition, GUID, size of the data
_DEPTH_LIMIT = 64
_MORE = 0x40  # flag of a token: another attribute or value follows
_SYSTEM = ("Event", "System")

# The tokens of BinXML, without the flag.
_END, _OPEN, _VALUE, _ATTRIBUTE, _FRAGMENT = 0x00, 0x01, 0x05, 0x06, 0x0F
_LEAVES = {0x03, 0x04}  # an empty element closes, an element ends
_STRUCTURE = {_OPEN, 0x02, *_LEAVES, _ATTRIBUTE}
_CONTENT = {_VALUE, 0x0D, 0x0E}  # a text, a substitution, one that may be left out
_NAMED = {_ATTRIBUTE, 0x09, 0x0A}  # ... an entity, the target of a processing instruction
_COUNTED = {0x07, 0x0B}  # CDATA, the data of a processing instruction
_FIXED = {_OPEN: 6, _VALUE: 1, 0x08: 2, 0x0D: 3, 0x0E: 3, _FRAGMENT: 3}  # bytes behind the token
_TEXT_TYPE = 0x01


class Layout(msgspec.Struct, frozen=True):
    """Where a template's records say what the prefilter asks for: numbers of substitutions, or the text itself.

    -1 and "" mean that the template does not say it in a form that can be told cheaply. `stable` are the ranges of
    bytes, counted from the start of the definition, that must be the same for another chunk's copy to be alike.
    """

    event_code: int = -1
    record_number: int = -1
    channel: int = -1
    computer: int = -1
    channel_text: str = ""
    computer_text: str = ""
    stable: tuple[tuple[int, int], ...] = ()


NO_LAYOUT = Layout()


class _Walk:
    """One walk over a definition's tokens; raises IndexError, struct.error or ValueError where they do not hold."""

    def __init__(self, chunk: bytes, start: int, end: int) -> None:
        self.chunk = chunk
        self.start = start
        self.at = start + _HEADER
        self.end = end
        self.path: list[str] = []
        self.found: dict[str, int | str] = {}
        self.stable: list[tuple[int, int]] = []
        self.in_attribute = False

    def name(self) -> str:
        """Read a name's offset, step over the name if it stands right here, and return it."""
        (offset,) = _U32(self.chunk, self.at)
        self.at += 4
        (length,) = _U16(self.chunk, offset + 6)
        if offset == self.at:
            self.at += 10 + 2 * length
        return self.chunk[offset + 8 : offset + 8 + 2 * length].decode("utf-16-le")

    def text(self) -> str:
        """Read a counted text."""
        (length,) = _U16(self.chunk, self.at)
        self.at += 2 + 2 * length
        return self.chunk[self.at - 2 * length : self.at].decode("utf-16-le")

    def keep(self, value: int | str, start: int) -> None:
        """Note a value of an element under Event/System: its text, or the number of the substitution it stands in."""
        if self.in_attribute or len(self.path) != len(_SYSTEM) + 1 or tuple(self.path[:2]) != _SYSTEM:
            return
        name = self.path[2]
        if name in self.found:
            raise ValueError("an element with two values")
        self.found[name] = value
        self.stable.append((start - self.start, self.at - self.start))

    def step(self) -> bool:
        """Read one token; return whether another follows."""
        start = self.at
        token = self.chunk[start]
        self.at += 1
        kind = token & ~_MORE
        if kind in _FIXED:
            self.at += _FIXED[kind]
        elif kind in _NAMED:
            self.name()
        elif kind in _COUNTED:
            self.text()
        if kind in _CONTENT:
            self.content(kind, start)
        elif kind in _STRUCTURE:
            self.structure(kind, token)
        elif kind == _END:
            return False
        elif kind > _FRAGMENT:
            raise ValueError(f"token {token:#04x}")
        return self.at < self.end

    def structure(self, kind: int, token: int) -> None:
        """Follow the elements: which are open, and whether an attribute is being read."""
        self.in_attribute = kind == _ATTRIBUTE
        if kind == _OPEN:
            if len(self.path) == _DEPTH_LIMIT:
                raise ValueError("elements too deep")
            self.path.append(self.name())
            if token & _MORE:
                self.at += 4  # size of the attribute list
        elif kind in _LEAVES:
            self.path.pop()

    def content(self, kind: int, start: int) -> None:
        """Take a text or the number of a substitution, whose token began at `start`."""
        if kind == _VALUE:
            if self.chunk[start + 1] != _TEXT_TYPE:
                raise ValueError("a value that is no text")
            self.keep(self.text(), start)
        else:
            self.keep(_U16(self.chunk, start + 1)[0], start)


def layout_of(chunk: bytes, start: int) -> Layout:
    """Return the layout of the definition at `start` of `chunk`; NO_LAYOUT where its tokens do not hold."""
    try:
        (size,) = _U32(chunk, start + 20)
        walk = _Walk(chunk, start, min(start + _HEADER + size, len(chunk)))
        while walk.step():
            pass
    except (struct.error, IndexError, ValueError):
        return NO_LAYOUT
    found = walk.found
    channel, computer = found.get("Channel", -1), found.get("Computer", -1)
    code, number = found.get("EventID", -1), found.get("EventRecordID", -1)
    return Layout(
        event_code=code if isinstance(code, int) else -1,
        record_number=number if isinstance(number, int) else -1,
        channel=channel if isinstance(channel, int) else -1,
        computer=computer if isinstance(computer, int) else -1,
        channel_text=channel if isinstance(channel, str) else "",
        computer_text=computer if isinstance(computer, str) else "",
        stable=tuple(walk.stable),
    )
