"""A sweep: its jobs on record, what is missing of them, and who runs them."""
