"""Speed, as ratios against the bare minimum of the same work in the same run: ``make bench``."""
