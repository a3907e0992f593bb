"""What must be on, what is on, what is lost while it is off; the set-up kit."""
