"""The staff pages of waves; ``waves.admin`` puts them into the admin."""
