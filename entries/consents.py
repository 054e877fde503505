"""What fans consented to: when, and to which version of which words.

An entry holds a hash of each text; the text itself is kept once, and stays when an operator changes the field.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from campaigns.models import Campaign, Field, Locale
from campaigns.published import Published
from core.times import utc_text
from entries.models import ConsentText

AGE = "_age"
"""The key of the tick for the campaign's minimum age. No field's key begins like this."""
_kept: set[tuple[int, str]] = set()
"""Versions that this process knows to be kept."""


def age_text(campaign: Campaign) -> str:
    """The words beside the tick for the minimum age, in the active language."""
    return _("I am %(age)s years old or older.") % {"age": campaign.minimum_age}


def consents_of(
    published: Published, *, answers: Mapping[str, Any], is_old_enough: bool, locale: Locale, now: datetime
) -> dict[str, dict[str, str]]:
    """The consents of a form by key: ``{"at": UTC time, "version": 16 hex digits}``; each text is kept."""
    campaign = published.campaign
    texts = {}
    with translation.override(locale.language):
        for field in published.fields:
            if field.type == Field.Type.CONSENT and answers.get(field.key) is True:
                texts[field.key] = "\n".join(part for part in (field.label, field.help_text) if part)
        if campaign.minimum_age and is_old_enough:
            texts[AGE] = age_text(campaign)
    return {key: {"at": utc_text(now), "version": _version(campaign, text, now)} for key, text in texts.items()}


def _version(campaign: Campaign, text: str, now: datetime) -> str:
    """The version of a text, which is kept before an entry can name it."""
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    if (campaign.pk, version) not in _kept:
        row = ConsentText(campaign=campaign, version=version, text=text, created_at=now)
        ConsentText.objects.bulk_create([row], ignore_conflicts=True)
        if len(_kept) > 10_000:
            _kept.clear()
        _kept.add((campaign.pk, version))
    return version


def texts_of(campaign: Campaign, consents: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The words behind an entry's consents, by key."""
    versions = {consent["version"] for consent in consents.values()}
    rows = ConsentText.objects.filter(campaign=campaign, version__in=versions)
    words = dict(rows.values_list("version", "text"))
    return {key: words.get(consent["version"], "") for key, consent in consents.items()}
