"""How set-up is written by REST: by the model's own rules, row by row, with a line in the audit trail."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from modeltranslation.utils import build_localized_fieldname
from rest_framework import serializers

from campaigns.models import Campaign, Locale, PrivacyPolicy
from campaigns.models.campaign import DOMAIN_FORM
from core import audit
from viewers.api import StaffEndpoint
from viewers.permissions import require

MOST_POLICIES = 200
OTHER_LANGUAGES = tuple(code for code, _ in settings.LANGUAGES if code != settings.MODELTRANSLATION_DEFAULT_LANGUAGE)
DOMAIN = re.compile(DOMAIN_FORM)


@extend_schema_field({"type": "string", "maxLength": 63})
class CampaignField(serializers.Field[Campaign, Any, str, Any]):
    """A campaign, named by its domain, in which the viewer may do what the view's method asks.

    The view stands in the serializer's context.
    """

    default_error_messages = {"no_campaign": "There is no campaign with this domain."}

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "The campaign's domain, as in `aurora-2027`.")
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> Campaign:
        """Find the campaign.

        :raises NotAllowed: the viewer may view it, and may not do this.
        """
        view: StaffEndpoint = self.context["view"]
        is_domain = isinstance(data, str) and DOMAIN.fullmatch(data.lower()) is not None
        rows = view.visible(Campaign.objects.all(), field="pk")
        campaign = rows.filter(domain=data.lower()).first() if is_domain else None
        if campaign is None:
            self.fail("no_campaign")
        require(view.viewer, view.asked_right, campaign.pk)
        return campaign

    def to_representation(self, value: Any) -> str:
        """Name it."""
        return str(value.domain)


@extend_schema_field(
    {
        "type": "object",
        "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
    }
)
class TranslationsField(serializers.Field[Any, Any, Any, Any]):
    """The words of a row in the interface's other languages: ``{"de": {"label": "Alter"}}``."""

    default_error_messages = {
        "not_a_map": "Send an object: languages, and in each the translated words.",
        "language": "The interface has no such language.",
        "word": "Only these words are translated: {words}.",
        "text": "A translation is text of at most {most} characters.",
    }

    def __init__(self, words: Mapping[str, int], **options: Any) -> None:
        """Take the translated words and the most letters of each."""
        self.words = words
        super().__init__(source="*", required=False, **options)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Name each translated column."""
        columns: dict[str, str] = {}
        if not isinstance(data, dict) or not all(isinstance(words, dict) for words in data.values()):
            self.fail("not_a_map")
        for language, words in data.items():
            if language not in OTHER_LANGUAGES:
                self.fail("language")
            for word, text in words.items():
                if word not in self.words:
                    self.fail("word", words=", ".join(self.words))
                if not isinstance(text, str) or len(text) > self.words[word]:
                    self.fail("text", most=self.words[word])
                columns[build_localized_fieldname(word, language)] = text
        return columns

    def to_representation(self, value: models.Model) -> dict[str, dict[str, str]]:
        """Give the words that are translated."""
        found: dict[str, dict[str, str]] = {}
        for language in OTHER_LANGUAGES:
            texts = {word: getattr(value, build_localized_fieldname(word, language)) for word in self.words}
            if kept := {word: text for word, text in texts.items() if text}:
                found[language] = kept
        return found


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string", "format": "uri"}})
class PoliciesField(serializers.Field[Any, Any, Any, Any]):
    """The addresses of a promoter's privacy policy: ``{"de_DE": "https://…"}``. What is sent replaces all of them."""

    default_error_messages = {
        "not_a_map": "Send an object: locales, and of each the address.",
        "locale": "There is no locale {code}.",
        "address": "This is no web address: {code}.",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_internal_value(self, data: Any) -> dict[str, str]:
        """Check each locale and address."""
        if not isinstance(data, dict) or len(data) > MOST_POLICIES:
            self.fail("not_a_map")
        known = set(
            Locale.objects.filter(pk__in=[code for code in data if "\0" not in code]).values_list("pk", flat=True)
        )
        for code, url in data.items():
            if code not in known:
                self.fail("locale", code=code[:20])
            try:
                PrivacyPolicy._meta.get_field("url").clean(url if isinstance(url, str) else "", None)
            except ValidationError:
                self.fail("address", code=code)
        return dict(data)

    def to_representation(self, value: Any) -> dict[str, str]:
        """Give the addresses by locale."""
        return {policy.locale_id: policy.url for policy in sorted(value.all(), key=lambda policy: policy.locale_id)}


class SetUpSerializer[M: models.Model](serializers.ModelSerializer[M]):
    """Reads a row of set-up strictly, lets the model check it, stores it, and records who did it."""

    FILLED_BY_SAVE = ("number", "campaign")

    def to_internal_value(self, data: Any) -> Any:
        """Refuse fields that there are not: a misspelt one would otherwise be ignored in silence."""
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields))):
            raise serializers.ValidationError({name[:60]: ["There is no such field."] for name in unknown[:10]})
        return super().to_internal_value(data)

    def create(self, validated_data: Any) -> M:
        """Store a new row."""
        row: M = self.Meta.model()  # type: ignore[misc]  # Each subclass names its own model.
        with transaction.atomic():
            changes = self._fill(row, validated_data)
            self._check(row)
            row.save(force_insert=True)
            changes |= self._relate(row, validated_data)
            self._record("create", row, changes)
        return row

    def update(self, instance: M, validated_data: Any) -> M:
        """Store what has changed of a row, and nothing else: its status may move at the same moment."""
        with transaction.atomic():
            rows: models.QuerySet[M] = type(instance)._default_manager.select_for_update(of=("self",), no_key=True)
            row = rows.get(pk=instance.pk)
            changes = self._fill(row, validated_data)
            self._check(row)
            if changes:
                row.save(update_fields=self._columns(row, changes))
            changes |= self._relate(row, validated_data)
            if changes:
                self._record("update", row, changes)
        return row

    def _fill(self, row: M, values: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Set the row's values and give what they change."""
        changes = {}
        for name, value in values.items():
            if name in self._relations(row):
                continue
            old = getattr(row, name, None) if name not in self.FILLED_BY_SAVE or row.pk else None
            setattr(row, name, value)
            if row.pk is None or old != value:
                changes[name] = [audit.recorded(old), audit.recorded(value)]
        return changes

    def _check(self, row: M) -> None:
        row.full_clean(exclude={name for name in self.FILLED_BY_SAVE if getattr(row, name, "") is None})

    def _relations(self, row: M) -> set[str]:
        return {field.name for field in row._meta.many_to_many}

    def _relate(self, row: M, values: Mapping[str, Any]) -> dict[str, list[Any]]:
        changes = {}
        for name in self._relations(row) & set(values):
            relation = getattr(row, name)
            old = sorted(str(pk) for pk in relation.values_list("pk", flat=True))
            relation.set(values[name])
            new = sorted(str(related.pk) for related in values[name])
            if old != new:
                changes[name] = [old, new]
        return changes

    def _columns(self, row: M, changes: Mapping[str, Any]) -> list[str]:
        """The columns of the changed values: a translated word is also kept under its default language."""
        names = {field.name for field in row._meta.concrete_fields}
        default = {build_localized_fieldname(name, settings.MODELTRANSLATION_DEFAULT_LANGUAGE) for name in changes}
        return sorted((set(changes) | default) & names)

    def _record(self, deed: str, row: M, changes: dict[str, list[Any]]) -> None:
        audit.record(
            actor=self.context["view"].viewer,
            action=f"{row._meta.model_name}.{deed}",
            target=row,
            campaign_id=row.pk if isinstance(row, Campaign) else getattr(row, "campaign_id", None),
            changes=changes,
            now=self._now(),
        )

    def _now(self) -> datetime:
        return timezone.now()
