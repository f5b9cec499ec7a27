"""Reports of a data set."""
