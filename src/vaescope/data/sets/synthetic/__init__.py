"""Synthetic vectors from known sources."""
