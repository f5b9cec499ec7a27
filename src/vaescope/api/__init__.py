"""What ``import vaescope`` offers to scripts and notebooks, loaded when it is used."""
