"""Findings become cases, cases become alerts, alerts reach the right person."""
