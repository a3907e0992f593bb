"""The fixed parts of the kit's scripts; @NAME@ is filled in from knowledge/ by mailwitness.readiness.kit."""
