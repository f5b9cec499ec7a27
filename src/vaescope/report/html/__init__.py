"""HTML and Markdown pages from one template environment."""
