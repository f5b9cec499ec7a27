"""One short program per command: compose, check, build, run."""
