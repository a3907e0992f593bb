"""The controls of Active Directory that this program uses (MS-ADTS 3.1.1.3.4.1)."""

from __future__ import annotations

from ldap.controls import LDAPControl, ResponseControl
from pyasn1.codec.ber import decoder, encoder
from pyasn1.error import PyAsn1Error
from pyasn1.type import univ

SD_FLAGS = "1.2.840.113556.1.4.801"
EXTENDED_DN = "1.2.840.113556.1.4.529"
DIRSYNC = "1.2.840.113556.1.4.841"
OWNER, GROUP, DACL, SACL = 1, 2, 4, 8
READABLE = OWNER | GROUP | DACL
"""What everybody may ask for; with the SACL, a reader without the privilege is given no descriptor at all."""
_OBJECT_SECURITY = 0x1
_ANCESTORS_FIRST = 0x800
_INCREMENTAL_VALUES = 0x80000000
_DIRSYNC_BYTES = 1 << 20


def sd_flags(flags: int) -> LDAPControl:
    """Return the control that says which parts of descriptors to give."""
    return LDAPControl(SD_FLAGS, criticality=True, encodedControlValue=_sequence(univ.Integer(flags)))


def extended_dn() -> LDAPControl:
    """Return the control that has DNs come with the GUID and SID of what they name."""
    return LDAPControl(EXTENDED_DN, criticality=False, encodedControlValue=_sequence(univ.Integer(1)))


def dirsync(cookie: bytes) -> LDAPControl:
    """Return the control that asks for what changed since `cookie` (empty: for everything), links one by one."""
    flags = _OBJECT_SECURITY | _ANCESTORS_FIRST | _INCREMENTAL_VALUES
    parts = univ.Integer(flags - (1 << 32)), univ.Integer(_DIRSYNC_BYTES), univ.OctetString(cookie)
    return LDAPControl(DIRSYNC, criticality=True, encodedControlValue=_sequence(*parts))


class DirSyncAnswer(ResponseControl):  # type: ignore[misc] # their class has no types
    """What the server answers to `dirsync`: `answer` is (whether there is more, the next cookie), None if unread."""

    controlType = DIRSYNC  # noqa: N815 - their name

    def decodeControlValue(self, encodedControlValue: bytes) -> None:  # noqa: N802, N803 - their names
        """Read the value."""
        self.answer = dirsync_answer(encodedControlValue)


def dirsync_answer(value: bytes) -> tuple[bool, bytes] | None:
    """Return (whether there is more, the next cookie) of an answering control's value, None where it does not read."""
    try:
        sequence, rest = decoder.decode(value, asn1Spec=None)
        more, _length, cookie = (sequence.getComponentByPosition(i) for i in range(3))
        answer = bool(int(more)), bytes(cookie)
    except (PyAsn1Error, TypeError, ValueError, IndexError, AttributeError):
        return None
    return None if rest else answer


def _sequence(*parts: univ.Integer | univ.OctetString) -> bytes:
    sequence = univ.Sequence()
    for number, part in enumerate(parts):
        sequence.setComponentByPosition(number, part)
    return bytes(encoder.encode(sequence))
