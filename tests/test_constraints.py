"""Every named constraint is refused by the database itself, around all code. No constraint is without its case."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, models, transaction
from django.db.models import F
from django.utils import timezone

from campaigns.models import (
    Artist,
    Campaign,
    Content,
    DrawSecrets,
    Faq,
    Field,
    Gate,
    Image,
    Locale,
    Member,
    PrivacyPolicy,
    Promoter,
    Tracker,
)
from codes.models import POOL_SPAN, Assignment, Code, CodeRange, Hold, Pool, Upload
from core.models import AuditEvent, AuditSeal, Job, KeptAnswer
from entries.models import (
    CodeTries,
    ConsentText,
    Entry,
    GateAnswer,
    Message,
    PhoneCode,
    PhoneSends,
    Score,
    ScoreRun,
    Submission,
    TurnedAway,
)
from exports.models import Export
from tests import scenario
from viewers.models import ApiSession, Approval, Grant, MachineToken, OutsideIdentity, Staff
from waves.models import Auditor, Draw, MarketOutcome, Notification, Selection, Wave, WavePrep

ROOMS = ("core", "viewers", "campaigns", "entries", "codes", "waves", "exports")
NOW = timezone.now()


class World:
    """One good row of every table, made once for each case."""

    def __init__(self) -> None:
        self.campaign = scenario.open_tour()
        self.market = self.campaign.markets.get(code="CA-LAX")
        self.event = self.market.events.get(number=1)
        self.venue = self.market.venue
        self.entry = scenario.register_fan(self.campaign, "Ada", ["CA-LAX"])
        self.pool = Pool.objects.create(campaign=self.campaign, market=self.market, event=None)
        self.hold = Hold.objects.create(campaign=self.campaign, code_type="presale", purpose="x", created_at=NOW)
        self.range = CodeRange.objects.create(pool=self.pool, first=self.code_id(1), last=self.code_id(9))
        Code.objects.create(id=self.code_id(1), campaign=self.campaign, value="A")
        self.wave = Wave.objects.create(campaign=self.campaign, date_key="2027-02-01T10:00", created_at=NOW)
        self.run = ScoreRun.objects.create(campaign=self.campaign, source="x", is_current=True, created_at=NOW)
        self.draw = Draw.objects.create(
            wave=self.wave,
            campaign=self.campaign,
            number=1,
            rules=b"",
            entries=0,
            eligible=0,
            frozen_at=NOW,
        )

    def code_id(self, number: int) -> int:
        """The id of a code of the pool."""
        return self.pool.pk * POOL_SPAN + number

    def assignment(self, number: int, **values: Any) -> Assignment:
        """A row that gives Ada a code of the pool."""
        fields = {"entry_id": self.entry.pk, "hold": self.hold, "market": self.market, "choice": 1, "position": 1}
        return Assignment(**{**fields, "code_id": self.code_id(number), **values})


Case = Callable[[World], object]


def update(rows: Callable[[World], models.Model], **values: Any) -> Case:
    """A case that spoils a good row."""
    return lambda world: type(rows(world))._default_manager.filter(pk=rows(world).pk).update(**values)


def copy_of(rows: Callable[[World], models.Model], **values: Any) -> Case:
    """A case that inserts a good row once more, with some values changed."""

    def insert(world: World) -> object:
        row = rows(world)
        model = type(row)
        fields = {
            field.attname: getattr(row, field.attname) for field in model._meta.concrete_fields if not field.primary_key
        }
        return model._default_manager.bulk_create([model(**{**fields, **values})])

    return insert


def insert(make: Callable[[World], models.Model | list[models.Model]]) -> Case:
    """A case that inserts bad rows."""

    def bulk(world: World) -> object:
        made = make(world)
        rows = made if isinstance(made, list) else [made]
        return type(rows[0])._default_manager.bulk_create(rows)

    return bulk


def field(world: World, **values: Any) -> Field:
    """A question, with what a case makes wrong."""
    return Field(**{"campaign": world.campaign, "number": 90, "key": "more", "label": "More", **values})


def gate(world: World, **values: Any) -> Gate:
    """A gate, with what a case makes wrong."""
    return Gate(**{"campaign": world.campaign, "number": 1, "kind": "card_type", "provider": "sandbox", **values})


def consent_text(world: World, **values: Any) -> ConsentText:
    """A text to which fans consented, with what a case makes wrong."""
    return ConsentText(**{"campaign": world.campaign, "version": "0" * 16, "text": "Yes.", "created_at": NOW, **values})


def kept_answer(**values: Any) -> KeptAnswer:
    """The claim of a key, with what a case makes wrong."""
    good = {"claim": uuid4(), "fingerprint": b"." * 32, "lease_until": NOW, "created_at": NOW}
    return KeptAnswer(**{"id": uuid4(), **good, "expires_at": NOW + timedelta(days=1), **values})


def gate_answer(world: World, **values: Any) -> GateAnswer:
    """What a gate said of Ada, with what a case makes wrong."""
    asked, _ = Gate.objects.get_or_create(
        campaign=world.campaign, number=9, defaults={"kind": "card_type", "provider": "sandbox"}
    )
    return GateAnswer(**{"entry": world.entry, "gate": asked, "answer": "passes", "answered_at": NOW, **values})


def phone_code(world: World, **values: Any) -> PhoneCode:
    """A code for Ada's phone, with what a case makes wrong."""
    good = {"number": "+12135550123", "digest": b"", "asker": "", "made_at": NOW, "expires_at": NOW + timedelta(1)}
    return PhoneCode(**{"entry": world.entry, **good, **values})


def confirmed_twice(world: World) -> object:
    """Two entries of a campaign with one number."""
    scenario.register_fan(world.campaign, "Ben", ["CA-LAX"])
    return Entry.objects.filter(campaign=world.campaign).update(phone="+12135550123", phone_confirmed_at=NOW)


def promoter_id() -> int:
    """A promoter."""
    return Promoter.objects.get_or_create(name="Westward")[0].pk


def tracker(**values: Any) -> Tracker:
    """A tag, with what a case makes wrong."""
    return Tracker(**{"name": "Tag", "kind": "ga4", "identifier": "G-ONE", **values})


def staff_of(name: str) -> Staff:
    """An account."""
    return Staff.objects.get_or_create(username=name, defaults={"is_staff": True})[0]


def grant(world: World, **values: Any) -> Grant:
    """A right to view, with what a case makes wrong."""
    sue = staff_of("sue")
    good = {"staff": sue, "campaign": world.campaign, "action": "view", "granted_at": NOW, "granted_by": sue}
    return Grant(**{**good, **values})


def approval(world: World, **values: Any) -> Approval:
    """A deed that waits for a second person, with what a case makes wrong."""
    good = {
        "campaign": world.campaign,
        "deed": "campaign.open",
        "target_id": "1",
        "title": "Open it",
        "asked_by": staff_of("sue"),
        "asked_at": NOW,
        "lapses_at": NOW + timedelta(hours=1),
    }
    return Approval(**{**good, **values})


def auditor(world: World, **values: Any) -> Auditor:
    """Somebody who may download bundles, with what a case makes wrong."""
    good = {"name": "Jane Roe", "expires_at": NOW + timedelta(days=1), "created_at": NOW}
    return Auditor(**{"campaign": world.campaign, **good, **values})


def message(**values: Any) -> Case:
    """A case with a bad message to Ada."""
    return insert(lambda world: Message(**{"entry": world.entry, "kind": "receipt", "created_at": NOW, **values}))


def image(world: World, **values: Any) -> Image:
    """A picture, with what a case makes wrong."""
    good = {"campaign": world.campaign, "locale_id": "en_US", "kind": "main", "key": "x", "content_type": "image/webp"}
    return Image(**{**good, "width": 1, "height": 1, "size_bytes": 1, **values})


def faq(world: World, **values: Any) -> Faq:
    """A frequent question, with what a case makes wrong."""
    good = {"campaign": world.campaign, "locale_id": "en_US", "number": 1, "question": "When?", "answer": "Soon."}
    return Faq(**{**good, **values})


def other_campaign(world: World, **values: Any) -> Campaign:
    """Another campaign's row, not stored."""
    fields = {"name": "Other", "artist": world.campaign.artist, "domain": "other", "default_locale_id": "en_US"}
    return Campaign(**{**fields, "reference_timezone": "UTC", **values})


JOBS: dict[type[Job], Callable[[World], dict[str, Any]]] = {
    Upload: lambda world: {"campaign": world.campaign, "pool": world.pool},
    WavePrep: lambda world: {"wave": world.wave},
    Selection: lambda world: {"wave": world.wave},
    Notification: lambda world: {"wave": world.wave},
    Export: lambda world: {"campaign": world.campaign, "dataset": "entries"},
}


def job(model: type[Job], **values: Any) -> Case:
    """A case with a bad job row."""
    return insert(lambda world: model(**{**JOBS[model](world), **values}))


def machine_token(**values: Any) -> MachineToken:
    """A token of an account, not stored."""
    usual = {"lookup": "0" * 16, "secret_hash": "0" * 64, "name": "ci", "owner": account(), "actions": ["view"]}
    times = {"created_at": NOW, "expires_at": NOW + timedelta(days=1)}
    return MachineToken(**{**usual, **times, **values})


def outside_identity(**values: Any) -> OutsideIdentity:
    """A subject linked to an account, not stored."""
    usual = {"staff": account(), "issuer": "company", "subject": "s-1", "linked_at": NOW, "linked_by": account()}
    return OutsideIdentity(**{**usual, **values})


def api_session(**values: Any) -> ApiSession:
    """A fan's session, not stored."""
    usual = {"subject": "fan-1", "issuer": "company", "created_at": NOW, "expires_at": NOW + timedelta(minutes=15)}
    return ApiSession(**{**usual, **values})


def account() -> Staff:
    """The account of a case."""
    return Staff.objects.get_or_create(username="owner")[0]


CASES: dict[str, Case] = {
    "core_auditevent_actor_known": insert(lambda world: AuditEvent(at=NOW, actor_kind="ghost", action="x")),
    "core_auditevent_action_named": insert(lambda world: AuditEvent(at=NOW, actor_kind="staff", action="")),
    "core_auditseal_event_once": insert(
        lambda world: [AuditSeal(position=number, event_id=7, hash=bytes(32)) for number in (1, 2)]
    ),
    "core_auditseal_position_counts": insert(lambda world: AuditSeal(position=0, event_id=7, hash=bytes(32))),
    "core_auditseal_hash_whole": insert(lambda world: AuditSeal(position=1, event_id=7, hash=bytes(31))),
    "campaigns_artist_name_given": insert(lambda world: Artist(name="")),
    "campaigns_artist_discovery_id_once": insert(
        lambda world: [Artist(name="A", discovery_id="K8"), Artist(name="B", discovery_id="K8")]
    ),
    "campaigns_venue_once": copy_of(lambda world: world.venue),
    "campaigns_venue_latitude_range": update(lambda world: world.venue, latitude=91, longitude=0),
    "campaigns_venue_longitude_range": update(lambda world: world.venue, latitude=0, longitude=181),
    "campaigns_venue_both_coordinates": update(lambda world: world.venue, latitude=1),
    "campaigns_venue_country_code": update(lambda world: world.venue, country="us"),
    "campaigns_locale_code_form": insert(lambda world: Locale(code="english", name="x")),
    "campaigns_locale_direction_known": insert(lambda world: Locale(code="sv_SE", name="x", direction="up")),
    "campaigns_campaign_domain_once": insert(lambda world: other_campaign(world, domain=world.campaign.domain)),
    "campaigns_campaign_domain_form": update(lambda world: world.campaign, domain="-bad"),
    "campaigns_campaign_name_given": update(lambda world: world.campaign, name=""),
    "campaigns_campaign_type_known": update(lambda world: world.campaign, type="raffle"),
    "campaigns_campaign_status_known": update(lambda world: world.campaign, status="ajar"),
    "campaigns_campaign_identifier_type_known": update(lambda world: world.campaign, identifier_type="name"),
    "campaigns_campaign_opens_before_close": update(lambda world: world.campaign, open_at=NOW, close_at=NOW),
    "campaigns_campaign_closes_before_finish": update(
        lambda world: world.campaign, open_at=None, close_at=NOW, finish_at=NOW - timedelta(days=1)
    ),
    "campaigns_campaign_presale_starts_before_end": update(
        lambda world: world.campaign, presale_window_start_at=NOW, presale_window_end_at=NOW
    ),
    "campaigns_campaign_fanlist_has_no_dates": update(lambda world: world.campaign, type="fanlist"),
    "campaigns_drawsecrets_committed_whole": lambda world: DrawSecrets.objects.filter(campaign=world.campaign).update(
        secrets=None
    ),
    "campaigns_market_number_once": copy_of(lambda world: world.market, code="OTHER"),
    "campaigns_market_code_once": copy_of(lambda world: world.market, number=9),
    "campaigns_market_code_form": update(lambda world: world.market, code="a b"),
    "campaigns_market_number_range": update(lambda world: world.market, number=0),
    "campaigns_market_split_known": update(lambda world: world.market, split="half"),
    "campaigns_event_code_once": copy_of(lambda world: world.event, number=9),
    "campaigns_event_number_once": copy_of(lambda world: world.event, code="OTHER"),
    "campaigns_event_code_form": update(lambda world: world.event, code="a,b"),
    "campaigns_event_number_range": update(lambda world: world.event, number=0),
    "campaigns_content_locale_once": insert(lambda world: Content(campaign=world.campaign, locale_id="en_US")),
    "campaigns_campaign_color_form": update(lambda world: world.campaign, accent_color="red"),
    "campaigns_campaign_origins_form": update(lambda world: world.campaign, allowed_origins="*"),
    "campaigns_campaign_waiting_room_range": update(lambda world: world.campaign, waiting_room_minutes=0),
    "campaigns_field_condition_whole": insert(lambda world: field(world, shown_if_value="front")),
    "campaigns_field_not_its_own_condition": lambda world: Field.objects.filter(campaign=world.campaign).update(
        shown_if=F("id"), shown_if_value="front"
    ),
    "campaigns_field_one_ranking": insert(
        lambda world: [
            field(world, key="one", number=91, type="ranking"),
            field(world, key="two", number=92, type="ranking"),
        ]
    ),
    "campaigns_gate_kind_known": insert(lambda world: gate(world, kind="luck")),
    "campaigns_gate_number_once": insert(lambda world: [gate(world), gate(world)]),
    "campaigns_gate_other_campaign": insert(lambda world: gate(world, kind="campaign_entry")),
    "campaigns_member_number_given": insert(lambda world: Member(artist=world.campaign.artist, number="")),
    "campaigns_member_number_once": insert(
        lambda world: [Member(artist=world.campaign.artist, number="7") for _ in range(2)]
    ),
    "campaigns_promoter_name_given": insert(lambda world: Promoter(name="")),
    "campaigns_promoter_name_once": insert(lambda world: [Promoter(name="P") for _ in range(2)]),
    "campaigns_privacypolicy_locale_once": insert(
        lambda world: [
            PrivacyPolicy(promoter_id=promoter_id(), locale_id="en_US", url="https://x.example/") for _ in range(2)
        ]
    ),
    "campaigns_tracker_identifier_or_url": insert(lambda world: tracker(identifier="")),
    "campaigns_tracker_kind_known": insert(lambda world: tracker(kind="spy")),
    "campaigns_tracker_name_given": insert(lambda world: tracker(name="")),
    "campaigns_tracker_once": insert(lambda world: [tracker(), tracker()]),
    "entries_gateanswer_asks_again": insert(lambda world: gate_answer(world, ask_after=NOW)),
    "entries_gateanswer_known": insert(lambda world: gate_answer(world, answer="perhaps")),
    "entries_gateanswer_once": insert(lambda world: [gate_answer(world), gate_answer(world)]),
    "campaigns_image_once": insert(lambda world: [image(world), image(world)]),
    "campaigns_image_kind_known": insert(lambda world: image(world, kind="poster")),
    "campaigns_image_type_known": insert(lambda world: image(world, content_type="image/svg+xml")),
    "campaigns_image_has_size": insert(lambda world: image(world, width=0)),
    "campaigns_faq_number_once": insert(lambda world: [faq(world), faq(world)]),
    "campaigns_faq_page_known": insert(lambda world: faq(world, page="moon")),
    "campaigns_faq_words_given": insert(lambda world: faq(world, answer="")),
    "campaigns_field_key_once": copy_of(lambda world: world.campaign.fields.get(), number=9),
    "campaigns_field_number_once": copy_of(lambda world: world.campaign.fields.get(), key="other"),
    "campaigns_field_key_form": insert(lambda world: Field(campaign=world.campaign, number=9, key="No", label="x")),
    "campaigns_field_type_known": insert(
        lambda world: Field(campaign=world.campaign, number=9, key="x", label="x", type="magic")
    ),
    "entries_entry_once": copy_of(lambda world: world.entry),
    "entries_entry_ref_form": update(lambda world: world.entry, ref="no"),
    "entries_entry_choices_distinct": update(lambda world: world.entry, choices=[1, 2, 1]),
    "entries_entry_left_whole": update(lambda world: world.entry, left_because="withdrawn"),
    "entries_entry_erased_is_out": update(lambda world: world.entry, erased_at=NOW),
    "entries_entry_identifier_given": update(lambda world: world.entry, identifier=""),
    "entries_entry_phone_once": confirmed_twice,
    "entries_phonecode_one_open": insert(lambda world: [phone_code(world), phone_code(world)]),
    "entries_phonecode_number_form": insert(lambda world: phone_code(world, number="0213")),
    "entries_phonecode_tries_counted": insert(lambda world: phone_code(world, tries=-1)),
    "entries_phonecode_expires_after": insert(lambda world: phone_code(world, expires_at=NOW)),
    "entries_phonecode_used_in_time": insert(lambda world: phone_code(world, used_at=NOW + timedelta(2))),
    "entries_phonesends_once": insert(lambda world: [PhoneSends(prefix=1, hour=NOW), PhoneSends(prefix=1, hour=NOW)]),
    "entries_phonesends_counts": insert(lambda world: PhoneSends(prefix=1, hour=NOW, sends=-1)),
    "entries_message_one_reminder": insert(
        lambda world: [Message(entry=world.entry, kind="reminder", created_at=NOW) for _copy in range(2)]
    ),
    "entries_submission_choices_distinct": insert(
        lambda world: Submission(entry=world.entry, locale_id="en_US", choices=[2, 2], created_at=NOW)
    ),
    "entries_submission_applied_after": insert(
        lambda world: Submission(
            entry=world.entry, locale_id="en_US", choices=[1], created_at=NOW, applied_at=NOW - timedelta(hours=1)
        )
    ),
    "entries_consenttext_once": insert(lambda world: [consent_text(world), consent_text(world)]),
    "entries_consenttext_version_form": insert(lambda world: consent_text(world, version="1")),
    "entries_turnedaway_reason_known": insert(
        lambda world: TurnedAway(campaign=world.campaign, reason="whim", created_at=NOW)
    ),
    "entries_codetries_once": insert(
        lambda world: [CodeTries(campaign=world.campaign, ref="0" * 32, since=NOW) for _ in range(2)]
    ),
    "entries_codetries_counts": insert(
        lambda world: CodeTries(campaign=world.campaign, ref="0" * 32, since=NOW, tries=0)
    ),
    "entries_scorerun_current_once": copy_of(lambda world: world.run),
    "entries_score_range": insert(lambda world: Score(run=world.run, entry=world.entry, score=101)),
    "entries_message_once_a_wave": insert(
        lambda world: [
            Message(entry=world.entry, kind="selected", wave_id=7, created_at=NOW),
            Message(entry=world.entry, kind="not_selected", wave_id=7, created_at=NOW),
        ]
    ),
    "entries_message_kind_known": message(kind="gossip"),
    "entries_message_hold_of_codes": message(kind="given"),
    "entries_message_wave_of_results": message(kind="selected"),
    "entries_message_status_whole": message(status="sent"),
    "codes_pool_once": copy_of(lambda world: world.pool),
    "codes_pool_code_type_given": update(lambda world: world.pool, code_type=""),
    "codes_pool_presale_starts_before_end": update(
        lambda world: world.pool, presale_start_at=NOW, presale_end_at=NOW - timedelta(hours=1)
    ),
    "codes_pool_lengths_in_range": update(lambda world: world.pool, min_length=9, max_length=8),
    "codes_pool_size_counts": update(lambda world: world.pool, size=7, last_number=6),
    "codes_upload_kind_known": job(Upload, kind="gossip"),
    "codes_upload_undone_after_its_end": job(Upload, undone_at=NOW),
    "codes_code_once_a_campaign": insert(lambda world: Code(id=world.code_id(2), campaign=world.campaign, value="A")),
    "codes_code_value_given": insert(lambda world: Code(id=world.code_id(2), campaign=world.campaign, value="")),
    "codes_hold_one_wave_at_a_time": copy_of(lambda world: world.hold),
    "codes_hold_one_by_hand": insert(
        lambda world: [
            Hold(
                campaign=world.campaign, code_type="guest", kind="hand", status="assigned", purpose="x", created_at=NOW
            )
            for _ in range(2)
        ]
    ),
    "codes_hold_kind_known": update(lambda world: world.hold, kind="reserve"),
    "codes_hold_status_known": update(lambda world: world.hold, status="lost"),
    "codes_coderange_apart": insert(
        lambda world: CodeRange(pool=world.pool, first=world.code_id(9), last=world.code_id(12))
    ),
    "codes_coderange_in_its_pool": insert(
        lambda world: CodeRange(pool=world.pool, first=world.code_id(20), last=world.code_id(POOL_SPAN))
    ),
    "codes_assignment_once_a_hold": insert(lambda world: [world.assignment(1), world.assignment(2)]),
    "codes_assignment_voided_known": insert(lambda world: world.assignment(1, voided="maybe")),
    "codes_assignment_counts_from_one": insert(lambda world: world.assignment(1, position=0)),
    "waves_wave_date_key_once": copy_of(lambda world: world.wave),
    "waves_wave_one_at_a_time": insert(
        lambda world: [
            Wave(campaign=world.campaign, date_key=f"2027-03-0{day}T10:00", status="processing", created_at=NOW)
            for day in (1, 2)
        ]
    ),
    "waves_wave_trigger_time_once": copy_of(
        lambda world: world.wave, date_key="2027-01-31T10:00", trigger_key="2027-02-01T10:00"
    ),
    "waves_wave_date_key_form": update(lambda world: world.wave, date_key="soon"),
    "waves_wave_trigger_key_form": update(lambda world: world.wave, trigger_key="later"),
    "waves_wave_mails_a_minute": update(lambda world: world.wave, mails_a_minute=0),
    "waves_auditor_named": insert(lambda world: auditor(world, name="")),
    "waves_auditor_ends_later": insert(lambda world: auditor(world, expires_at=NOW)),
    "waves_wave_status_known": update(lambda world: world.wave, status="lost"),
    "waves_wave_triggered_when": update(lambda world: world.wave, status="triggered"),
    "waves_waveprep_scores_in_range": job(WavePrep, score_min=60, score_max=50),
    "waves_draw_number_once": insert(
        lambda world: Draw(
            wave=Wave.objects.create(campaign=world.campaign, date_key="2027-04-01T10:00", created_at=NOW),
            campaign=world.campaign,
            number=1,
            rules=b"",
            entries=0,
            eligible=0,
            frozen_at=NOW,
        )
    ),
    "waves_draw_number_range": update(lambda world: world.draw, number=33),
    "waves_draw_allocation_whole": update(lambda world: world.draw, allocation_sha256="ab"),
    "waves_marketoutcome_once": insert(
        lambda world: [
            MarketOutcome(draw=world.draw, market=world.market, demand_first=0, demand=0, places=1, placed=1)
            for _ in range(2)
        ]
    ),
    "waves_marketoutcome_never_over": insert(
        lambda world: MarketOutcome(draw=world.draw, market=world.market, demand_first=0, demand=0, places=1, placed=2)
    ),
    "exports_export_dataset_known": job(Export, dataset="gossip"),
    "exports_export_format_known": job(Export, format="pdf"),
    "exports_export_selection_of_a_wave": job(Export, dataset="selection"),
    "exports_export_finished_has_file": job(Export, status="finished"),
}
CASES |= {
    "viewers_machinetoken_lookup_once": insert(lambda world: [machine_token(), machine_token()]),
    "viewers_machinetoken_name_given": insert(lambda world: machine_token(name="")),
    "viewers_machinetoken_hash_form": insert(lambda world: machine_token(secret_hash="mql_secret")),
    "viewers_machinetoken_actions_known": insert(lambda world: machine_token(actions=["view", "grant_access"])),
    "viewers_machinetoken_ends_within_a_year": insert(
        lambda world: machine_token(expires_at=NOW + timedelta(days=367))
    ),
    "viewers_outsideidentity_once": insert(lambda world: [outside_identity(), outside_identity()]),
    "viewers_outsideidentity_named": insert(lambda world: outside_identity(subject="")),
    "viewers_apisession_staff_or_fan": insert(lambda world: api_session(staff=None, subject="")),
    "viewers_apisession_expires_later": insert(lambda world: api_session(expires_at=NOW)),
}
CASES |= {
    "viewers_grant_once": insert(lambda world: [grant(world), grant(world)]),
    "viewers_grant_action_known": insert(lambda world: grant(world, action="rule")),
    "viewers_grant_scope": insert(lambda world: grant(world, action="manage_staff")),
    "viewers_grant_ends_later": insert(lambda world: grant(world, ends_at=NOW)),
    "viewers_approval_waits_once": insert(lambda world: [approval(world), approval(world)]),
    "viewers_approval_status_known": insert(lambda world: approval(world, status="maybe", decided_at=NOW)),
    "viewers_approval_second_person": insert(
        lambda world: approval(world, status="approved", decided_at=NOW, decided_by=staff_of("sue"))
    ),
    "viewers_approval_decided_or_waiting": insert(lambda world: approval(world, decided_at=NOW)),
    "viewers_approval_lapses_later": insert(lambda world: approval(world, lapses_at=NOW)),
}
CASES |= {
    "core_keptanswer_fingerprint_whole": insert(lambda world: kept_answer(fingerprint=b"short")),
    "core_keptanswer_leased_or_answered": insert(lambda world: kept_answer(answer=b"sealed")),
    "core_keptanswer_expires_later": insert(lambda world: kept_answer(expires_at=NOW)),
}
for _model in JOBS:
    _name = _model._meta.label_lower.replace(".", "_")
    CASES[f"{_name}_status_known"] = job(_model, status="stuck")
    CASES[f"{_name}_lease_while_running"] = job(_model, status="running")
    CASES[f"{_name}_progress_counts"] = job(_model, progress_done=-1)


@pytest.fixture
def world(db: None) -> World:
    """The world of a case."""
    return World()


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_database_refuses(name: str, world: World) -> None:
    with pytest.raises(DatabaseError) as refusal, transaction.atomic():  # noqa: PT012  Deferred ones refuse at the end.
        CASES[name](world)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    cause = refusal.value.__cause__
    assert cause is not None
    assert cause.diag.constraint_name == name  # type: ignore[attr-defined]  # psycopg's errors have it.


def test_every_constraint_has_a_case() -> None:
    named = {
        constraint.name
        for room in ROOMS
        for model in apps.get_app_config(room).get_models()
        for constraint in model._meta.constraints
        if "-" not in constraint.name  # django-modeltranslation repeats a venue's for each language.
    }

    assert named == set(CASES)


@pytest.mark.django_db
def test_an_audit_event_is_neither_changed_nor_deleted() -> None:
    event = AuditEvent.objects.create(at=NOW, actor_kind="staff", action="x")

    for spoil in (AuditEvent.objects.filter(pk=event.pk).update, AuditEvent.objects.filter(pk=event.pk).delete):
        with pytest.raises(DatabaseError, match="never changed nor deleted"), transaction.atomic():
            spoil(**({"action": "y"} if spoil.__name__ == "update" else {}))
