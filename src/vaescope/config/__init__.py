"""Configurations: find and read YAML files, check what they say, build objects from it."""
