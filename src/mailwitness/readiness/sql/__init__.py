"""The questions of readiness, one .sql file each."""
