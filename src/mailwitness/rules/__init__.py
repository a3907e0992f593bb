"""Sigma rules, one file each, with a sample that fires and one that stays quiet.

`load_rules` reads rules from folders and says which it cannot take and why; `detect` runs them over what the trail
has newly sealed. pySigma comes with the extra `mailwitness[rules]` and is imported only where rules are read.
"""
