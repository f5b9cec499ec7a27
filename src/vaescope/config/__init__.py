"""Configurations: where the YAML files are, how one is checked, and how objects come of it."""
