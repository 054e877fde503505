"""Puts the staff pages of codes into the admin."""

from codes.admin_pages import code, hold, pool, upload

__all__ = ["code", "hold", "pool", "upload"]
