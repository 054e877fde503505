"""The demo: an invented artist's tour over real venues, with fans who are plausible and do not exist."""
