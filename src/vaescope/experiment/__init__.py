"""A run: assemble its parts, train, resume, evaluate."""
