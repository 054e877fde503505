"""What fans submit, and the mails that answer them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q

from campaigns.models import Campaign, Gate, Locale

REF_FORM = r"^[0-9a-f]{32}$"
PHONE_FORM = r"^\+[1-9][0-9]{4,14}$"
"""E.164."""
VERSION_FORM = r"^[0-9a-f]{16}$"


class HasDistinctElements(Func):
    """Whether no element of a small integer array stands in it twice."""

    function = "smallints_are_distinct"
    output_field = models.BooleanField()


class Submitted(models.Model):
    """What a fan filled in, in force (``Entry``) or waiting for its proof (``Submission``)."""

    name = models.CharField(max_length=200)
    phone = models.CharField(max_length=20, blank=True, default="")
    locale = models.ForeignKey(Locale, on_delete=models.PROTECT, related_name="+", db_index=False)
    answers = models.JSONField(default=dict)
    consents = models.JSONField(
        default=dict,
        db_default={},
        help_text="When each consent was given, and to which version of its text, by key.",
    )
    choices = ArrayField(models.SmallIntegerField(), help_text="Market numbers, the favourite first.")

    class Meta:
        abstract = True


class Entry(Submitted):
    """A fan's registration. Unique by (campaign, ref); the identifier's normal form is the spec's."""

    class Leaving(models.TextChoices):
        """How she left last, in the words of ``voided.csv``."""

        WITHDRAWN = "withdrawn", "withdrew"
        EXCLUDED = "excluded", "put on the filter list"
        ERASED = "erased", "erased"

    campaign = models.ForeignKey(
        Campaign, on_delete=models.PROTECT, related_name="entries", db_index=False
    )  # The unique constraint on (campaign, ref) serves its look-ups.
    ref = models.CharField(max_length=32, db_collation="C", editable=False)
    identifier = models.CharField(max_length=320, editable=False)
    email = models.CharField("e-mail", max_length=320, help_text="Where her mails go.")
    person_key = models.BinaryField(
        editable=False, help_text="HMAC of the identifier under the installation's key; links entries across campaigns."
    )
    email_confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    phone_confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    phone_reminded_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When the mail was queued that asks to confirm the phone; there is one for each entry."""
    gates_failed = models.BooleanField(default=False, editable=False)
    gates_pending = models.BooleanField(default=False, db_default=False, editable=False)
    """A gate could not say yet. At a freeze that counts as failed."""
    withdrawn_at = models.DateTimeField(null=True, blank=True, editable=False)
    blocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When everything that tells who she is was taken out of the row; the ref stays (spec: the draw)."""
    left_at = models.DateTimeField(null=True, blank=True, editable=False)
    """When she last withdrew, was blocked or was erased; the database writes it (``entries_entry_leaves``). It stays
    when she enters again: her place does not revive."""
    left_because = models.CharField(
        max_length=9, choices=Leaving, blank=True, default="", db_default="", editable=False
    )
    created_at = models.DateTimeField(editable=False)
    updated_at = models.DateTimeField(editable=False)

    class Meta:
        verbose_name_plural = "entries"
        constraints = [
            models.UniqueConstraint(name="entries_entry_once", fields=["campaign", "ref"]),
            models.CheckConstraint(name="entries_entry_ref_form", condition=Q(ref__regex=REF_FORM)),
            models.CheckConstraint(name="entries_entry_choices_distinct", condition=HasDistinctElements(F("choices"))),
            models.CheckConstraint(name="entries_entry_identifier_given", condition=~Q(identifier="")),
            models.CheckConstraint(
                name="entries_entry_left_whole",
                condition=Q(left_at__isnull=True, left_because="")
                | Q(left_at__isnull=False, left_because__in=["withdrawn", "excluded", "erased"]),
            ),
            models.CheckConstraint(
                name="entries_entry_erased_is_out", condition=Q(erased_at__isnull=True) | Q(withdrawn_at__isnull=False)
            ),
            models.UniqueConstraint(
                name="entries_entry_phone_once",
                fields=["campaign", "phone"],
                condition=Q(phone_confirmed_at__isnull=False) & ~Q(phone=""),
            ),
        ]
        indexes = [
            models.Index(
                fields=["campaign", "email_confirmed_at"],
                name="entries_entry_phone_missing",
                condition=Q(
                    phone_confirmed_at__isnull=True,
                    phone_reminded_at__isnull=True,
                    email_confirmed_at__isnull=False,
                    withdrawn_at__isnull=True,
                    blocked_at__isnull=True,
                )
                & ~Q(phone=""),
            ),  # For the reminder; who has been reminded leaves it.
            models.Index(fields=["campaign", "left_at"], name="entries_entry_left", condition=Q(left_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.ref


class Submission(Submitted):
    """A later submission for an identifier that has an entry. It waits until its own link is followed."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="submissions")
    created_at = models.DateTimeField()
    gate_answers = models.JSONField(default=dict, db_default={}, help_text="What each gate said, by its id.")
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="entries_submission_choices_distinct", condition=HasDistinctElements(F("choices"))
            ),
            models.CheckConstraint(
                name="entries_submission_applied_after",
                condition=Q(applied_at__isnull=True) | Q(applied_at__gte=F("created_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"submission {self.pk} beside {self.entry_id}"


class GateAnswer(models.Model):
    """What a gate's provider said of an entry."""

    class Answer(models.TextChoices):
        """Whether the fan passes."""

        PASSES = "passes", "passes"
        FAILS = "fails", "fails"
        CANNOT_SAY = "cannot_say", "cannot say"

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="gate_answers")
    gate = models.ForeignKey(Gate, on_delete=models.PROTECT, related_name="+")
    answer = models.CharField(max_length=10, choices=Answer)
    answered_at = models.DateTimeField()
    ask_after = models.DateTimeField(null=True, blank=True, help_text="When one that could not say is asked again.")
    attempts = models.SmallIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="entries_gateanswer_once", fields=["entry", "gate"]),
            models.CheckConstraint(
                name="entries_gateanswer_known", condition=Q(answer__in=["passes", "fails", "cannot_say"])
            ),
            models.CheckConstraint(
                name="entries_gateanswer_asks_again",
                condition=Q(ask_after__isnull=True) | Q(answer="cannot_say"),
            ),
        ]
        indexes = [
            models.Index(fields=["ask_after"], name="entries_gateanswer_due", condition=Q(answer="cannot_say")),
        ]

    def __str__(self) -> str:
        return f"{self.gate_id} {self.answer} for entry {self.entry_id}"


class ConsentText(models.Model):
    """One version of a text to which fans consented: what an entry's ``consents`` name by its hash."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="consent_texts")
    version = models.CharField(max_length=16, db_collation="C", help_text="The beginning of its SHA-256, in hex.")
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="entries_consenttext_once", fields=["campaign", "version"]),
            models.CheckConstraint(name="entries_consenttext_version_form", condition=Q(version__regex=VERSION_FORM)),
        ]

    def __str__(self) -> str:
        return self.version


class TurnedAway(models.Model):
    """A submission that was answered like every other and came to nothing: whom it named is not kept."""

    class Reason(models.TextChoices):
        """Why it came to nothing."""

        NO_MEMBER = "no_member", "number and address are not the fan club's"
        TOO_MANY = "too_many", "too many wait for this address today"
        NO_ENTRY = "no_entry", "a link was asked for, and there is no entry"

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="turned_away")
    reason = models.CharField(max_length=10, choices=Reason)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="entries_turnedaway_reason_known", condition=Q(reason__in=["no_member", "too_many", "no_entry"])
            ),
        ]

    def __str__(self) -> str:
        return self.reason


class CodeTries(models.Model):
    """How often somebody has typed a mailed code for one address of a campaign, whether it is known there or not."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+", db_index=False)
    ref = models.CharField(max_length=32, db_collation="C")
    tries = models.IntegerField(default=1)
    since = models.DateTimeField(help_text="When the first of them was made.")

    class Meta:
        constraints = [
            models.UniqueConstraint(name="entries_codetries_once", fields=["campaign", "ref"]),
            models.CheckConstraint(name="entries_codetries_counts", condition=Q(tries__gte=1)),
        ]
        indexes = [models.Index(fields=["since"], name="entries_codetries_since")]

    def __str__(self) -> str:
        return f"{self.tries} tries"


class PhoneCode(models.Model):
    """A code that was sent to a number, to confirm it for one entry. The code itself is not kept."""

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="phone_codes")
    number = models.CharField(max_length=16, db_collation="C")
    digest = models.BinaryField(help_text="HMAC of entry, number and code under a key that the database does not hold.")
    asker = models.CharField(max_length=32, db_collation="C", help_text="HMAC of the network that it was asked from.")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    tries = models.IntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)
    voided_at = models.DateTimeField(null=True, blank=True, help_text="When a newer one took its place.")
    failed_at = models.DateTimeField(
        null=True, blank=True, help_text="When it could not be sent; it then counts no cap."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="entries_phonecode_one_open",
                fields=["entry"],
                condition=Q(used_at__isnull=True, voided_at__isnull=True),
            ),
            models.CheckConstraint(name="entries_phonecode_number_form", condition=Q(number__regex=PHONE_FORM)),
            models.CheckConstraint(name="entries_phonecode_tries_counted", condition=Q(tries__gte=0)),
            models.CheckConstraint(name="entries_phonecode_expires_after", condition=Q(expires_at__gt=F("made_at"))),
            models.CheckConstraint(
                name="entries_phonecode_used_in_time",
                condition=Q(used_at__isnull=True) | Q(used_at__gte=F("made_at"), used_at__lt=F("expires_at")),
            ),
        ]
        indexes = [
            models.Index(fields=["number", "made_at"], name="entries_phonecode_by_number"),
            models.Index(fields=["asker", "made_at"], name="entries_phonecode_by_asker"),
            models.Index(fields=["made_at"], name="entries_phonecode_by_time"),
        ]

    def __str__(self) -> str:
        return f"code for entry {self.entry_id}"


class PhoneSends(models.Model):
    """How many codes went to numbers of one country prefix within an hour."""

    prefix = models.SmallIntegerField()
    hour = models.DateTimeField(help_text="Its beginning.")
    sends = models.IntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="entries_phonesends_once", fields=["prefix", "hour"]),
            models.CheckConstraint(name="entries_phonesends_counts", condition=Q(sends__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.sends} to +{self.prefix}"


class ScoreRun(models.Model):
    """One calculation of scores. The campaign's current run is the one that waves read."""

    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="score_runs")
    source = models.CharField(max_length=100)
    is_current = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="entries_scorerun_current_once", fields=["campaign"], condition=Q(is_current=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source}, {self.created_at:%Y-%m-%d %H:%M} UTC"


class Score(models.Model):
    """One entry's score in one run: a whole number from 0 to 100. Inserted by COPY, never updated."""

    pk = models.CompositePrimaryKey("run_id", "entry_id")
    run = models.ForeignKey(ScoreRun, on_delete=models.CASCADE, related_name="scores", db_index=False)
    entry = models.ForeignKey(Entry, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    score = models.SmallIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="entries_score_range", condition=Q(score__gte=0, score__lte=100)),
        ]

    def __str__(self) -> str:
        return str(self.score)


class Message(models.Model):
    """One mail to one fan. It is made with the deed that it tells of, and sent in claimed batches."""

    class Kind(models.TextChoices):
        """What it tells."""

        CONFIRMATION = "confirmation", "confirmation"
        RECEIPT = "receipt", "receipt"
        SELECTED = "selected", "selected"
        NOT_SELECTED = "not_selected", "not selected"
        LINK = "link", "link"
        REMINDER = "reminder", "reminder"
        GIVEN = "given", "code given by hand"
        REPLACED = "replaced", "code replaced"
        TAKEN_BACK = "taken_back", "code taken back"

    class Status(models.TextChoices):
        """Where it stands."""

        QUEUED = "queued", "queued"
        SENDING = "sending", "sending"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"
        STOPPED = "stopped", "stopped"

    entry = models.ForeignKey(Entry, on_delete=models.CASCADE, related_name="messages")
    kind = models.CharField(max_length=12, choices=Kind)
    submission = models.ForeignKey(Submission, on_delete=models.CASCADE, null=True, blank=True, related_name="messages")
    wave_id = models.BigIntegerField(null=True, blank=True, help_text="The wave that it tells of.")
    hold_id = models.BigIntegerField(
        null=True, blank=True, help_text="Where it tells of one code of hers: the hold that has it."
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    attempts = models.SmallIntegerField(default=0)
    send_after = models.DateTimeField(null=True, blank=True)
    claimed_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    is_doubtful = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A sender died while it had this message, so a copy may have gone out before.",
    )
    error = models.CharField(max_length=300, blank=True, default="")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="entries_message_once_a_wave",
                fields=["wave_id", "entry"],
                condition=Q(wave_id__isnull=False),
            ),
            models.UniqueConstraint(
                name="entries_message_one_reminder", fields=["entry"], condition=Q(kind="reminder")
            ),
            models.CheckConstraint(
                name="entries_message_kind_known",
                condition=Q(
                    kind__in=[
                        "confirmation",
                        "receipt",
                        "selected",
                        "not_selected",
                        "link",
                        "reminder",
                        "given",
                        "replaced",
                        "taken_back",
                    ],
                ),
            ),
            models.CheckConstraint(
                name="entries_message_hold_of_codes",
                condition=Q(kind__in=["given", "replaced", "taken_back"], hold_id__isnull=False)
                | (~Q(kind__in=["given", "replaced", "taken_back"]) & Q(hold_id__isnull=True)),
            ),
            models.CheckConstraint(
                name="entries_message_wave_of_results",
                condition=Q(kind__in=["selected", "not_selected"], wave_id__isnull=False)
                | (~Q(kind__in=["selected", "not_selected"]) & Q(wave_id__isnull=True)),
            ),
            models.CheckConstraint(
                name="entries_message_status_whole",
                condition=Q(status="sent", sent_at__isnull=False, claimed_until__isnull=True)
                | Q(status="sending", sent_at__isnull=True, claimed_until__isnull=False)
                | Q(status__in=["queued", "failed", "stopped"], sent_at__isnull=True, claimed_until__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["wave_id", "id"], name="entries_message_unsent", condition=Q(status__in=["queued", "sending"])
            ),
            models.Index(fields=["wave_id", "id"], name="entries_message_failed", condition=Q(status="failed")),
            models.Index(fields=["wave_id", "id"], name="entries_message_doubtful", condition=Q(is_doubtful=True)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to entry {self.entry_id}"
