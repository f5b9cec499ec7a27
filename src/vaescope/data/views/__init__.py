"""Further images beside those of a batch: pairs, triplets, groups, labels."""
