"""Mailwitness: the mailbox audit trail for Microsoft Exchange."""

from __future__ import annotations

__version__ = "0.1.0"
