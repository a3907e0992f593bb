"""Records to events: one module a source, found by its place."""
