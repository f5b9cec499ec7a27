"""The data sets: what each one is."""
