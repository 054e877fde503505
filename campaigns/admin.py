"""Puts the staff pages of the set-up into the admin."""

from campaigns.admin_pages import (
    access,
    approvals,
    campaign,
    catalogue,
    content,
    form_field,
    gates,
    history,
    market,
    members,
    page_parts,
    promoters,
)

__all__ = [
    "access",
    "approvals",
    "campaign",
    "catalogue",
    "content",
    "form_field",
    "gates",
    "history",
    "market",
    "members",
    "page_parts",
    "promoters",
]
