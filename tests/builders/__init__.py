"""What tests of several folders build: models, runs, files in the true formats, attacks."""
