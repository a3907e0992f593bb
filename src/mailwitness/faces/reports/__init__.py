"""Reports that stand in an audit: what was asked, over which time, how well covered, at which checkpoint."""
