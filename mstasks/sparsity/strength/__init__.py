"""How strongly groups are pulled to zero, and which channels leave: one strategy a file."""
