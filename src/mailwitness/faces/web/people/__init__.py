"""People at the console: accounts, sessions, sign-in here and elsewhere, roles."""
