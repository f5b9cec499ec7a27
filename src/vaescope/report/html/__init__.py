"""Pages from one template environment, and what stands in them."""
