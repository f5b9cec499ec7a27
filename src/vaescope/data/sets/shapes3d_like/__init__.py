"""A rendered set in the likeness of Shapes3D."""
