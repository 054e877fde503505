"""Puts the staff pages of the set-up into the admin."""

from campaigns.admin_pages import access, approvals, campaign, catalogue, content, form_field, history, market

__all__ = ["access", "approvals", "campaign", "catalogue", "content", "form_field", "history", "market"]
