"""Findings become deliveries."""
