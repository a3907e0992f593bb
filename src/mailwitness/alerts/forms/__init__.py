"""The forms an alert takes. All text in it was written by others and is escaped for each form."""
