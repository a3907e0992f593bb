"""Live intake: bookmarks move only after the data is durable."""
