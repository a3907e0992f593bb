"""Command line, console, reports: no logic."""
