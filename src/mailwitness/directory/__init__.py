"""Identities, groups and closures; LDAP and LDIF snapshots."""
