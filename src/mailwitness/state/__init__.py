"""What the service remembers and can lose without losing evidence: bookmarks, people, findings' states."""
