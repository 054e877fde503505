"""The campaign and its sealed secrets."""

import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from campaigns.models.catalogue import Artist, Locale, validate_timezone
from campaigns.models.origins import ORIGINS_FORM, OriginsField
from campaigns.models.promoter import Promoter, Tracker

DOMAIN_FORM = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""A host label of RFC 1123, in lower case."""


COLOR_FORM = r"^#[0-9a-f]{6}$"


class Campaign(models.Model):  # type: ignore[django-manager-missing]  # For its fields, see Field.
    """A registration or a fanlist of one artist."""

    class Type(models.TextChoices):
        """What kind of campaign it is."""

        REGISTRATION = "registration", "registration"
        FANLIST = "fanlist", "fanlist"

    class Status(models.TextChoices):
        """Where it stands in its life."""

        NOT_STARTED = "not_started", "not started"
        OPEN = "open", "open"
        CLOSED = "closed", "closed"
        FINISHED = "finished", "finished"

    class IdentifierType(models.TextChoices):
        """What a fan is known by."""

        EMAIL = "email", "e-mail address"
        GLOBAL_USER_ID = "globalUserId", "account (globalUserId)"
        MEMBER_ID = "memberId", "fan club number (memberId)"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    type = models.CharField(max_length=12, choices=Type, default=Type.REGISTRATION)
    name = models.CharField(max_length=200)
    artist = models.ForeignKey(Artist, on_delete=models.PROTECT, related_name="campaigns")
    domain = models.CharField(
        max_length=63,
        validators=[RegexValidator(DOMAIN_FORM, "Use lower-case letters, digits and inner hyphens.")],
        help_text="The first part of the fan pages' address, as in aurora-2027. Unique.",
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.NOT_STARTED, editable=False)
    is_released = models.BooleanField(
        "released for the clock", default=False, help_text="The clock opens only what an operator has released."
    )
    reference_timezone = models.CharField(
        max_length=50, validators=[validate_timezone], help_text="All of the campaign's times are read in this zone."
    )
    open_at = models.DateTimeField("opens", null=True, blank=True)
    close_at = models.DateTimeField("closes", null=True, blank=True)
    finish_at = models.DateTimeField("finishes", null=True, blank=True)
    presale_window_start_at = models.DateTimeField("presale starts", null=True, blank=True)
    presale_window_end_at = models.DateTimeField("presale ends", null=True, blank=True)
    general_onsale_at = models.DateTimeField("general onsale", null=True, blank=True)
    locales = models.ManyToManyField(Locale, related_name="campaigns", blank=True)
    default_locale = models.ForeignKey(
        Locale, on_delete=models.PROTECT, related_name="+", help_text="Texts that another locale lacks come from here."
    )
    identifier_type = models.CharField(
        max_length=12,
        choices=IdentifierType,
        default=IdentifierType.EMAIL,
        help_text="What a fan is known by. Fixed once the first fan has registered.",
    )
    category_id = models.CharField(
        "category id", max_length=40, blank=True, default="", help_text="The event category on the ticketing platform."
    )
    requires_phone_confirmation = models.BooleanField(
        default=False, help_text="An entry counts only once its phone number is confirmed."
    )
    allows_international_phones = models.BooleanField(
        default=True, help_text="Accept numbers from outside the countries of the campaign's venues."
    )
    show_access_code = models.BooleanField(
        default=True, help_text="Show a chosen fan her code on her page, not in the mail alone."
    )
    minimum_age = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Years; empty asks nothing.")
    promoter = models.ForeignKey(
        Promoter,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="campaigns",
        help_text="The address of its privacy policy stands on every fan page.",
    )
    trackers = models.ManyToManyField(
        Tracker, related_name="campaigns", blank=True, help_text="Loaded only once a fan has agreed."
    )
    password_hash = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    """Of the one secret that the artist gives her fans; empty asks for none."""
    waiting_room_minutes = models.PositiveSmallIntegerField(
        "waiting room", null=True, blank=True, help_text="Minutes that fans wait before the page opens to them."
    )
    queue_id = models.CharField(
        "queue id", max_length=60, blank=True, default="", db_default="", help_text="Its name in the queueing system."
    )
    is_lnaa = models.BooleanField(
        "LNAA", default=False, db_default=False, help_text="“Let No Artist Alone”: a tour of several artists."
    )
    accent_color = models.CharField(
        "colour",
        max_length=7,
        blank=True,
        default="",
        db_default="",
        validators=[RegexValidator(COLOR_FORM, "Use a colour like #5b3fd6.")],
        help_text="Of buttons and links on the fan pages; empty is MonoQL's own.",
    )
    allowed_origins = OriginsField(
        blank=True,
        default="",
        db_default="",
        help_text="Other sites whose pages may use this campaign's part of the API, one a line, as in "
        "https://fans.example.",
    )
    needs_second_person = models.BooleanField(
        "four eyes",
        default=False,
        db_default=False,
        help_text="Opening, triggering and granting access wait until a second person approves them.",
    )
    publishes_bundle = models.BooleanField(
        "public bundles",
        default=True,
        db_default=True,
        help_text="Anybody may download what a draw was made of and run it again. Otherwise staff and named auditors.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("domain"), name="campaigns_campaign_domain_once"),
            models.CheckConstraint(name="campaigns_campaign_domain_form", condition=Q(domain__regex=DOMAIN_FORM)),
            models.CheckConstraint(name="campaigns_campaign_name_given", condition=~Q(name="")),
            models.CheckConstraint(
                name="campaigns_campaign_type_known", condition=Q(type__in=["registration", "fanlist"])
            ),
            models.CheckConstraint(
                name="campaigns_campaign_status_known",
                condition=Q(status__in=["not_started", "open", "closed", "finished"]),
            ),
            models.CheckConstraint(
                name="campaigns_campaign_identifier_type_known",
                condition=Q(identifier_type__in=["email", "globalUserId", "memberId"]),
            ),
            models.CheckConstraint(
                name="campaigns_campaign_opens_before_close",
                condition=Q(open_at__isnull=True) | Q(close_at__isnull=True) | Q(open_at__lt=F("close_at")),
            ),
            models.CheckConstraint(
                name="campaigns_campaign_closes_before_finish",
                condition=Q(close_at__isnull=True) | Q(finish_at__isnull=True) | Q(close_at__lte=F("finish_at")),
            ),
            models.CheckConstraint(
                name="campaigns_campaign_presale_starts_before_end",
                condition=Q(presale_window_start_at__isnull=True)
                | Q(presale_window_end_at__isnull=True)
                | Q(presale_window_start_at__lt=F("presale_window_end_at")),
            ),
            models.CheckConstraint(
                name="campaigns_campaign_fanlist_has_no_dates",
                condition=~Q(type="fanlist") | Q(open_at=None, close_at=None, finish_at=None),
            ),
            models.CheckConstraint(
                name="campaigns_campaign_color_form", condition=Q(accent_color="") | Q(accent_color__regex=COLOR_FORM)
            ),
            models.CheckConstraint(
                name="campaigns_campaign_origins_form", condition=Q(allowed_origins__regex=ORIGINS_FORM)
            ),
            models.CheckConstraint(
                name="campaigns_campaign_waiting_room_range",
                condition=Q(waiting_room_minutes__isnull=True) | Q(waiting_room_minutes__range=(1, 1440)),
            ),
        ]
        indexes = [models.Index(fields=["status", "close_at"], name="campaigns_campaign_due")]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """The reference timezone."""
        return ZoneInfo(self.reference_timezone)

    @property
    def site_url(self) -> str:
        """Where its fan pages are, with a slash at the end."""
        if settings.FAN_DOMAIN:
            scheme = "https" if settings.IS_HTTPS else "http"
            return f"{scheme}://{self.domain}.{settings.FAN_DOMAIN}/"
        return f"{settings.PUBLIC_URL}/c/{self.domain}/"

    FIXED_SINCE_OPENING = ("type", "domain", "identifier_type", "reference_timezone")
    """Receipts, refs and waves' dateKeys stand on these."""

    @property
    def has_opened(self) -> bool:
        """Whether it was ever open, and so has published its commitments."""
        return DrawSecrets.objects.filter(campaign=self.pk, committed_at__isnull=False).exists()

    def clean(self) -> None:
        """Refuse a change of what was fixed by the first opening, and of what two people decide."""
        if self._state.adding:
            return
        self._check_four_eyes()
        if not self.has_opened:
            return
        stored = Campaign.objects.values(*self.FIXED_SINCE_OPENING).get(pk=self.pk)
        changed = [name for name, value in stored.items() if getattr(self, name) != value]
        if changed:
            raise ValidationError(
                dict.fromkeys(changed, "Fixed since the campaign opened: receipts and links stand on it.")
            )

    def _check_four_eyes(self) -> None:
        stored = Campaign.objects.values("needs_second_person", "is_released").get(pk=self.pk)
        if not stored["needs_second_person"]:
            return
        if not self.needs_second_person:
            raise ValidationError({"needs_second_person": "Two people switch this off: use the step on its page."})
        if self.is_released and not stored["is_released"]:
            raise ValidationError({"is_released": "Two people release it: use the step on the campaign's page."})

    @property
    def is_by_account(self) -> bool:
        """Whether it knows fans by their account."""
        return self.identifier_type == self.IdentifierType.GLOBAL_USER_ID

    @property
    def is_by_membership(self) -> bool:
        """Whether it knows fans by their number in the artist's fan club."""
        return self.identifier_type == self.IdentifierType.MEMBER_ID

    @property
    def is_public(self) -> bool:
        """Whether fans may see it. What an operator still prepares is nobody else's business."""
        return self.status != self.Status.NOT_STARTED or self.is_released

    def is_accepting(self, now: datetime) -> bool:
        """Whether a fan may register at this moment: open, and not past its close even if the clock is late."""
        return self.status == self.Status.OPEN and (self.close_at is None or now < self.close_at)


class DrawSecrets(models.Model):
    """What a campaign keeps sealed until its draws are revealed (spec: the draw, words and step 1).

    ``salt`` and ``secrets`` are Fernet tokens. ``secrets`` seals 32 × 32 bytes; ``commitments`` are their SHA-256s.
    """

    campaign = models.OneToOneField(Campaign, on_delete=models.CASCADE, primary_key=True, related_name="draw_secrets")
    salt = models.BinaryField()
    secrets = models.BinaryField(null=True)
    commitments = ArrayField(models.CharField(max_length=64), default=list)
    committed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "draw secrets"
        constraints = [
            models.CheckConstraint(
                name="campaigns_drawsecrets_committed_whole",
                condition=Q(secrets__isnull=True, committed_at__isnull=True, commitments__len=0)
                | Q(secrets__isnull=False, committed_at__isnull=False, commitments__len=32),
            )
        ]

    def __str__(self) -> str:
        return f"sealed secrets of campaign {self.campaign_id}"
