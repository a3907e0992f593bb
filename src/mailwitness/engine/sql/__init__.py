"""The SQL of the index."""
