"""The console's own files: one style sheet, one script, one mark."""
