"""Who records an act: the domain controllers and Exchange servers of each generation."""
