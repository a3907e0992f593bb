"""What ends a delivery that did not succeed."""

from __future__ import annotations

from mailwitness.errors import MailwitnessError


class DeliveryFailed(MailwitnessError):
    """An alert did not reach its destination; it is tried again."""
