"""A question is one .sql file and one function."""
