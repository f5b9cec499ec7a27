"""Small files in the true formats of published data sets."""
