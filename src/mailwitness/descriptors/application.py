"""What follows the SID of an entry and SDDL writes as a seventh field: a condition, or a resource attribute's claim.

SDDL can say less than the bytes: an integer of 8 bits, a quote in a string, other padding. `expressed` answers None for
such, and the writer then keeps the bytes.
"""

from __future__ import annotations

from functools import lru_cache

from mailwitness.descriptors.ace import ATTRIBUTE
from mailwitness.descriptors.claim import claim_text, decode_claim, encode_claim, parse_claim
from mailwitness.descriptors.condition import decode, encode, trustees
from mailwitness.descriptors.condition_text import condition_text, parse_condition
from mailwitness.descriptors.fault import DescriptorError
from mailwitness.descriptors.sid import Domain, is_relative


def read_field(ace_type: int, text: str) -> tuple[bytes, str | None]:
    """Return the bytes of a seventh field; or none, and its text, where it names an account of an untold domain.

    Raises DescriptorError with the offset in `text`.
    """
    if ace_type == ATTRIBUTE:
        claim = parse_claim(text)
        is_open = claim.type == "TD" and any(is_relative(str(value)) for value in claim.values)
        return (b"", claim_text(claim)) if is_open else (encode_claim(claim), None)
    tokens = parse_condition(text)
    if any(is_relative(trustee) for trustee in trustees(tokens)):
        return b"", condition_text(tokens)
    return encode(tokens), None


def compiled(ace_type: int, text: str, domain: Domain | None) -> bytes:
    """Return the bytes of a pending field; raises DescriptorError where `domain` does not resolve its names."""
    if ace_type == ATTRIBUTE:
        return encode_claim(parse_claim(text), domain)
    return encode(parse_condition(text), domain)


@lru_cache(maxsize=256)
def expressed(ace_type: int, data: bytes, domain: Domain | None = None) -> str | None:
    """Return the text of `data`, or None where no text says exactly these bytes."""
    try:
        is_claim = ace_type == ATTRIBUTE
        text = claim_text(decode_claim(data), domain) if is_claim else condition_text(decode(data), domain)
        return text if compiled(ace_type, text, domain) == data else None
    except DescriptorError:
        return None
