"""Files of data sets: published ones, downloads, conversion, checksums, readers."""
