"""The questions of the rules, as SQL."""
