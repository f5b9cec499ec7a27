"""dSprites and its variants."""
