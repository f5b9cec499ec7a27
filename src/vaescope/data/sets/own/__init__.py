"""A user's own arrays and folders of images."""
