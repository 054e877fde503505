"""Puts the staff pages of waves into the admin."""

from waves.admin_pages import auditor, by_hand, wave

__all__ = ["auditor", "by_hand", "wave"]
