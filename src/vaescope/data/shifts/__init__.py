"""Training distributions of the factors: correlated, or with combinations held out."""
