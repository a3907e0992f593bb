"""Sigma rules, one file each, with a sample that fires and one that stays quiet."""
