"""Loaded with the admin: what the project's own rooms add to it."""

from monoql import admin_workspace

__all__ = ["admin_workspace"]
