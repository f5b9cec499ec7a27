"""Score audit: every score on codes of which is known what is wrong with them."""
