"""The questions, one .sql file each: its first line says what it answers."""
