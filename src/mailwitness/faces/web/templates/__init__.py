"""The console's templates."""
