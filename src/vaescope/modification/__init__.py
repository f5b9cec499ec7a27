"""Small additive images that turn principal directions away from the factors, or to them."""
