"""Puts the staff pages of waves into the admin."""

from waves.admin_pages import wave

__all__ = ["wave"]
