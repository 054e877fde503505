"""The addresses of a promoter's privacy policy, one a locale."""

from collections.abc import Mapping
from typing import Any

from campaigns.models import PrivacyPolicy, Promoter


def policies_of(promoter: Promoter) -> dict[str, str]:
    """The addresses by locale."""
    return {policy.locale_id: policy.url for policy in sorted(promoter.policies.all(), key=lambda one: one.locale_id)}


def set_policies(promoter: Promoter, wanted: Mapping[str, str]) -> dict[str, list[Any]]:
    """Make these the promoter's addresses, and give what that changes, for the caller's line in the audit trail.

    The caller has checked the right, the locales and the addresses, and holds the transaction.
    """
    held = policies_of(promoter)
    changes = {
        f"policy {locale}": [held.get(locale), wanted.get(locale)]
        for locale in sorted({*held, *wanted})
        if held.get(locale) != wanted.get(locale)
    }
    promoter.policies.exclude(locale__in=wanted).delete()
    PrivacyPolicy.objects.bulk_create(
        [PrivacyPolicy(promoter=promoter, locale_id=locale, url=url) for locale, url in wanted.items()],
        update_conflicts=True,
        unique_fields=["promoter", "locale"],
        update_fields=["url"],
    )
    promoter.__dict__.get("_prefetched_objects_cache", {}).pop("policies", None)
    return changes
