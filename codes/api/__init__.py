"""REST: codes on their way in, what there is of them, and who gets them."""
