"""The demo in the database: built by the product's own operations, once."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from campaigns import secrets
from campaigns.models import Campaign, Event, Field, Market, Venue
from codes import inventory
from codes.models import Assignment, Code, Upload
from core import storage
from core.models import AuditEvent
from entries.identifiers import fan_key, person_key, ref_of
from entries.models import Entry, Message, Score
from viewers.models import Staff
from waves.models import Wave

FANS = 300


def run_demo(*, reset: bool = False, seed: int = 11, fans: int = FANS) -> str:
    out = io.StringIO()
    call_command("demo", fans=fans, seed=seed, reset_demo=reset, stdout=out)
    return out.getvalue()


def campaign(key: str) -> Campaign:
    return Campaign.objects.get(domain=f"aurora-{key}")


@pytest.mark.django_db(transaction=True)
def test_the_demo_is_built_left_alone_and_built_anew(client: Client) -> None:
    said = run_demo()

    assert "The demo is ready" in said
    assert [campaign(key).status for key in ("open", "closed", "sent")] == ["open", "closed", "closed"]
    check_setup()
    check_entries()
    check_codes()
    check_wave()
    assert client.login(username="demo", password="demo")
    assert Staff.objects.get(username="demo").is_supreme
    check_second_run_changes_nothing()
    check_reset_builds_anew()


def check_setup() -> None:
    """All markets and events, venues once, a form, and nothing red."""
    assert Venue.objects.count() == 29
    for one in Campaign.objects.all():
        assert Market.objects.filter(campaign=one).count() == 29
        assert Event.objects.filter(campaign=one).count() == 74
        assert one.locales.count() == one.contents.count() == 10
        assert Field.objects.filter(campaign=one, is_personal=True).count() == 1
        assert one.draw_secrets.committed_at == one.open_at
    field = Field.objects.get(campaign=campaign("open"), key="tickets")
    assert field.label_ja == "希望するチケットの枚数"  # type: ignore[attr-defined]  # Made by modeltranslation.


def check_entries() -> None:
    """Every fan stands in the table as registration would have put her there."""
    assert Entry.objects.count() == FANS
    assert Score.objects.count() > FANS * 0.95
    for one in Campaign.objects.all():
        salt = secrets.salt_of(one)
        entries = list(Entry.objects.filter(campaign=one))
        assert len({entry.ref for entry in entries}) == len(entries)
        for entry in entries:
            key = fan_key(salt=salt, identifier=entry.identifier)
            assert entry.ref == ref_of(fan_key=key, identifier=entry.identifier)
            assert bytes(entry.person_key) == person_key(entry.identifier)
            assert one.open_at is not None
            assert one.open_at <= entry.created_at < (one.close_at or entry.created_at)
            assert entry.answers["age_16"] is True
            assert 1 <= entry.answers["tickets"] <= 4
            assert set(entry.choices) <= set(range(1, 30))
            assert entry.email == entry.identifier


def check_codes() -> None:
    """Codes went through the upload, and the closed campaign has all of its own free."""
    assert inventory.verify([*Campaign.objects.all()]) == []
    free = inventory.counts_by_pool(campaign("closed"))
    assert all(counts["available"] > 0 == counts["reserved"] == counts["assigned"] for counts in free.values())
    assert not Code.objects.filter(campaign=campaign("open")).exists()


def check_wave() -> None:
    """The sent campaign's wave is complete, and each chosen fan has one code and one mail."""
    wave = Wave.objects.get()
    assert wave.campaign == campaign("sent")
    assert wave.status == Wave.Status.COMPLETED
    chosen = set(Assignment.objects.values_list("entry_id", flat=True))
    assert len(chosen) == wave.draw.placed
    assert 0 < len(chosen) < Entry.objects.filter(campaign=wave.campaign).count()
    messages = Message.objects.filter(wave_id=wave.pk, status=Message.Status.SENT)
    assert set(messages.values_list("entry_id", flat=True)) == chosen
    assert AuditEvent.objects.filter(action="wave.trigger", actor_label="demo").count() == 1


def check_second_run_changes_nothing() -> None:
    """The demo is there, so a second run says so."""
    refs = set(Entry.objects.values_list("ref", flat=True))
    events = AuditEvent.objects.count()

    said = run_demo(seed=12)

    assert "there already" in said
    assert set(Entry.objects.values_list("ref", flat=True)) == refs
    assert AuditEvent.objects.count() == events


def check_reset_builds_anew() -> None:
    """All of the old demo goes, in the database and in storage, and a small new one takes its place."""
    uploads = list(Upload.objects.values_list("storage_key", flat=True))

    said = run_demo(fans=60, reset=True)

    assert "Took 3 campaigns of the demo away." in said
    assert Campaign.objects.count() == 3
    assert Entry.objects.count() == 60
    assert Wave.objects.count() == 1
    with pytest.raises(storage.NotStored):
        storage.get(uploads[0])


@pytest.mark.django_db
def test_the_demo_is_refused_where_fans_are_real(settings: Settings) -> None:
    settings.DEVELOPMENT = False

    with pytest.raises(CommandError, match="known password"):
        run_demo()

    assert not Staff.objects.exists()


@pytest.mark.parametrize(("fans", "seed"), [(3, 1), (300, -1), (300, 2**64)])
def test_what_cannot_be_built_is_said(fans: int, seed: int) -> None:
    with pytest.raises(CommandError):
        call_command("demo", fans=fans, seed=seed)
