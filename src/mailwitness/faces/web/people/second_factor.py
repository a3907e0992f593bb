"""The second factor: codes by time (RFC 6238) and, for when the device is lost, codes that recover, each used once."""

from __future__ import annotations

import secrets
from datetime import datetime

import pyotp
import segno

STEP_SECONDS = 30
_SLACK = (0, -1, 1)
"""Steps a device's clock may be off."""
RECOVERY_CODES = 10
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


def new_secret() -> str:
    """Return a secret for a device: 160 bits, base32."""
    return pyotp.random_base32(32)


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return the time step a code belongs to; None where it is not right now."""
    digits = "".join(code.split())
    if not (digits.isascii() and digits.isdigit()):
        return None
    made = pyotp.TOTP(secret, interval=STEP_SECONDS)
    present = int(now.timestamp()) // STEP_SECONDS
    found = None
    for slack in _SLACK:
        if secrets.compare_digest(made.generate_otp(present + slack), digits):
            found = present + slack
    return found


def address_of(secret: str, name: str) -> str:
    """Return the otpauth address that devices take."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name="Mailwitness")


def picture_of(address: str) -> tuple[int, str]:
    """Return an address as a QR code: how many modules wide, and the path of an SVG of that size."""
    code = segno.make(address, error="m", micro=False)
    border = 4
    path = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(code.matrix, border) for x, dark in enumerate(row, border) if dark
    )
    return len(code.matrix) + 2 * border, path


def recovery_codes() -> list[str]:
    """Return fresh codes of 80 bits each."""
    return ["".join(secrets.choice(_BASE32) for _ in range(16)) for _ in range(RECOVERY_CODES)]


def recovery_code(text: str) -> str:
    """Return a recovery code as typed, in the form it is kept."""
    return "".join(text.lower().replace("-", " ").split())
