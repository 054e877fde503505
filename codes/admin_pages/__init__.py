"""The staff pages of codes; ``codes.admin`` puts them into the admin."""
