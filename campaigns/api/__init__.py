"""REST: what operators set up, and what fans see of it."""
