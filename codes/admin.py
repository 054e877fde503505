"""Puts the staff pages of codes into the admin."""

from codes.admin_pages import code, pool, upload

__all__ = ["code", "pool", "upload"]
