"""Bytes to records, no meaning. Never silent: Record, Problem or Skipped."""
