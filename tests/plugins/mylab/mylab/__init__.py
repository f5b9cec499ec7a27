"""What our lab adds to vaescope."""
