"""Being put on the filter list, let back, and erased: what goes, what stays, and what coming back revives."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from campaigns import lifecycle
from campaigns.lifecycle import CampaignFinished
from campaigns.models import Campaign
from campaigns.published import published
from core.models import AuditEvent
from core.refusal import NotAllowed
from entries import leaving, own_entry
from entries.form import Form
from entries.leaving import CannotBlock, CannotErase
from entries.models import Entry, Message, PhoneCode, Submission
from entries.proof import BadLink, link_token
from entries.registration import CannotRegister, register
from entries.standing import Standing, standing_of
from tests import scenario
from tests.scenario import SUPREME
from viewers.viewer import Viewer

pytestmark = pytest.mark.django_db
NOBODY = Viewer(kind="staff", label="nobody")


@pytest.fixture
def ada(tour: Campaign) -> Entry:
    """Ada, who is in."""
    return scenario.register_fan(tour, "Ada", ["CA-LAX", "AZ-PHX"])


def erase(entry: Entry) -> Entry:
    """Staff erase an entry."""
    return leaving.erase(entry=entry, reason="She asked for it.", actor=SUPREME, now=timezone.now())


def everything_in(entry: Entry) -> str:
    """What the database holds of an entry and in what hangs on it, as text."""
    tables = {"entries_entry": "id"} | dict.fromkeys(
        ("entries_submission", "entries_message", "entries_phonecode", "entries_gateanswer"), "entry_id"
    )
    with connection.cursor() as cursor:
        texts = []
        for table, column in tables.items():
            query = f"SELECT row_to_json(held)::text FROM {table} AS held WHERE {column} = %s"  # noqa: S608  Our names.
            cursor.execute(query, [entry.pk])
            texts += [row[0] for row in cursor.fetchall()]
    return "\n".join(texts)


def test_a_blocked_entry_counts_again_once_it_is_let_back(ada: Entry) -> None:
    blocked = leaving.block(entry=ada, reason="A bot.", actor=SUPREME, now=timezone.now())
    assert standing_of(blocked) == Standing.BLOCKED
    with pytest.raises(CannotBlock):
        leaving.block(entry=ada, reason="Pressed twice.", actor=SUPREME, now=timezone.now())

    back = leaving.unblock(entry=ada, reason="No bot.", actor=SUPREME, now=timezone.now())

    assert standing_of(back) == Standing.COUNTS
    with pytest.raises(CannotBlock):
        leaving.unblock(entry=ada, reason="Pressed twice.", actor=SUPREME, now=timezone.now())
    deeds = AuditEvent.objects.filter(target_id=str(ada.pk)).order_by("pk").values_list("action", "reason")
    assert list(deeds) == [("entry.block", "A bot."), ("entry.unblock", "No bot.")]


@pytest.mark.parametrize("deed", [leaving.block, leaving.unblock, leaving.erase])
def test_who_lacks_the_right_or_a_reason_takes_nobody_out(deed: object, ada: Entry) -> None:
    with pytest.raises(NotAllowed):
        deed(entry=ada, reason="So.", actor=NOBODY, now=timezone.now())  # type: ignore[operator]
    with pytest.raises((CannotBlock, CannotErase)):
        deed(entry=ada, reason="  ", actor=SUPREME, now=timezone.now())  # type: ignore[operator]

    assert Entry.objects.filter(pk=ada.pk, blocked_at=None, erased_at=None).exists()


def test_the_database_notes_who_left_and_does_not_forget_it(ada: Entry) -> None:
    assert (ada.left_at, ada.left_because) == (None, "")

    leaving.block(entry=ada, reason="A bot.", actor=SUPREME, now=timezone.now())
    leaving.unblock(entry=ada, reason="No bot.", actor=SUPREME, now=timezone.now())
    first = Entry.objects.get(pk=ada.pk)
    own_entry.withdraw(published=published("aurora"), entry=ada, now=timezone.now())
    second = Entry.objects.get(pk=ada.pk)

    assert (first.left_because, second.left_because) == ("excluded", "withdrawn")
    assert first.left_at is not None
    assert second.left_at == second.withdrawn_at


def test_nothing_that_tells_who_she_was_is_left_of_an_erased_entry(tour: Campaign, ada: Entry) -> None:
    phone, answers = "+12135550123", {"seat": "Row seven"}
    Entry.objects.filter(pk=ada.pk).update(phone=phone, answers=answers, person_key=b"key" * 10)
    form = Form(email=ada.email, name="Adaline", choices=["CA-LAX"])
    register(published=published(tour.domain), form=form, now=timezone.now())
    PhoneCode.objects.create(
        entry=ada, number=phone, digest=b"", made_at=timezone.now(), expires_at=timezone.now() + timedelta(minutes=5)
    )
    personal = ["ada@example.com", "Adaline", '"Ada"', "5550123", "Row seven", (b"key" * 10).hex()]
    assert all(word.lower() in everything_in(ada).lower() for word in personal)

    erase(ada)

    held = everything_in(ada)
    assert [word for word in personal if word.lower() in held.replace(ada.ref, "").lower()] == []
    assert json.loads(held.splitlines()[0])["choices"] == ada.choices
    assert AuditEvent.objects.get(action="entry.erase").reason == "She asked for it."


def test_erasing_twice_is_refused_and_a_finished_campaign_hinders_nobody(tour: Campaign, ada: Entry) -> None:
    lifecycle.close_campaign(campaign=tour, actor=SUPREME, now=timezone.now())
    lifecycle.finish_campaign(campaign=tour, actor=SUPREME, now=timezone.now())

    with pytest.raises(CampaignFinished):
        leaving.block(entry=ada, reason="A bot.", actor=SUPREME, now=timezone.now())
    erase(ada)

    with pytest.raises(CannotErase):
        erase(ada)


def test_an_old_link_opens_nothing_of_an_erased_entry(tour: Campaign, ada: Entry) -> None:
    found, form = published(tour.domain), Form(name="Ada", choices=["CA-LAX"])
    erase(ada)

    with pytest.raises(BadLink):
        own_entry.confirm(published=found, token=link_token(entry_id=ada.pk), now=timezone.now())
    with pytest.raises(CannotRegister):
        own_entry.change(published=found, entry=ada, form=form, now=timezone.now())

    assert own_entry.entry_of_ref(tour, ada.ref) is None
    assert Entry.objects.get(pk=ada.pk).email_confirmed_at is None


def test_who_was_erased_can_register_again_and_keeps_her_ref(tour: Campaign, ada: Entry) -> None:
    erase(ada)

    again = scenario.register_fan(tour, "Ada", ["AZ-PHX"])

    assert (again.pk, again.ref, again.name, again.erased_at) == (ada.pk, ada.ref, "Ada", None)
    assert standing_of(again) == Standing.COUNTS
    assert again.choices == [tour.markets.get(code="AZ-PHX").number]
    assert Submission.objects.count() == 0
    assert list(Message.objects.filter(kind="confirmation", status="queued").values_list("entry", flat=True)) == [
        ada.pk
    ]


def test_who_was_blocked_and_erased_comes_back_blocked(tour: Campaign, ada: Entry) -> None:
    leaving.block(entry=ada, reason="A bot.", actor=SUPREME, now=timezone.now())
    erase(ada)

    again = scenario.register_fan(tour, "Ada", ["AZ-PHX"])

    assert standing_of(again) == Standing.BLOCKED
