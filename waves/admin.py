"""Puts the staff pages of waves into the admin."""

from waves.admin_pages import by_hand, wave

__all__ = ["by_hand", "wave"]
