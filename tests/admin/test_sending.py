"""A wave's mails at the admin: seen going, paused by a button, stopped with the campaign's name, sent again."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from core.models import AuditEvent
from entries.models import Entry, Message
from tests import scenario
from tests.admin.conftest import Desk, Tour, closed_tour, signed_in
from tests.scenario import SUPREME
from viewers.models import Grant, Staff
from waves import mail_counts, selection
from waves.models import Notification, Wave

pytestmark = pytest.mark.django_db(transaction=True)


def page_of(wave: Wave, step: str = "mails_page") -> str:
    """The page of a wave's mails, or of one of its steps."""
    return reverse(f"admin:waves_wave_{step}", args=[wave.pk])


@pytest.fixture
def wave(transactional_db: None) -> Wave:
    """A completed wave whose mails are queued, and none is sent."""
    campaign = closed_tour()
    wave = scenario.prepare_wave(scenario.make_wave(campaign))
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    wave = Wave.objects.get(pk=wave.pk)
    Message.objects.filter(wave_id=wave.pk).update(status="queued", sent_at=None)
    Notification.objects.filter(wave=wave).update(
        status="running", phase="sending", lease_until=timezone.now(), finished_at=None
    )
    return wave


def text_of(desk: Desk, address: str) -> str:
    """What a page says."""
    return " ".join(desk.get(address).content.decode().split())


def test_before_the_trigger_one_chooses_who_is_mailed_and_how_fast(desk: Desk, transactional_db: None) -> None:
    wave = scenario.make_wave(closed_tour())

    before = text_of(desk, page_of(wave))
    desk.post(page_of(wave, "mails_change_page"), {"tells_not_selected": "on", "mails_a_minute": "600"})
    after = text_of(desk, page_of(wave))

    assert "No mails yet." in before
    assert "as fast as the mail server takes them" in before
    assert "600 a minute" in after
    assert "that it was not this time" in after
    wave.refresh_from_db()
    assert (wave.tells_not_selected, wave.mails_a_minute) == (True, 600)
    changes = AuditEvent.objects.get(action="wave.change_mails").changes
    assert changes == {"tells_not_selected": [False, True], "mails_a_minute": [None, 600]}


def test_an_empty_rate_is_no_rate_and_a_bad_one_is_refused(desk: Desk, wave: Wave) -> None:
    Wave.objects.update(mails_a_minute=5)

    bad = desk.post(page_of(wave, "mails_change_page"), {"mails_a_minute": "0"})
    desk.post(page_of(wave, "mails_change_page"), {"mails_a_minute": ""})

    assert bad.status_code == 200
    assert "greater than or equal to 1" in bad.content.decode()
    assert Wave.objects.get(pk=wave.pk).mails_a_minute is None


def test_pause_and_resume_are_a_button_each_and_pressing_twice_does_it_once(desk: Desk, wave: Wave) -> None:
    assert "Pause" in text_of(desk, page_of(wave))

    desk.post(page_of(wave, "mails_pause_page"))
    again = desk.post(page_of(wave, "mails_pause_page"), follow=True).content.decode()
    paused = text_of(desk, page_of(wave))
    desk.post(page_of(wave, "mails_resume_page"))

    assert "The mails are paused already." in again
    assert ">Resume</button>" in paused
    assert ">Pause</button>" not in paused
    assert Notification.objects.get(wave=wave).status in ("queued", "finished")
    assert AuditEvent.objects.filter(action="wave.pause_mails").count() == 1


def test_looking_at_a_button_presses_nothing(desk: Desk, wave: Wave) -> None:
    for step in ("mails_pause_page", "mails_resume_page", "mails_retry_page"):
        assert desk.get(page_of(wave, step)).headers["Location"] == page_of(wave)

    assert Notification.objects.get(wave=wave).status == "running"


def test_a_stop_asks_for_the_campaigns_name_and_says_how_many_were_sent(desk: Desk, wave: Wave) -> None:
    unsent = Message.objects.filter(wave_id=wave.pk).count()

    asked = text_of(desk, page_of(wave, "mails_stop_page"))
    wrong = desk.post(page_of(wave, "mails_stop_page"), {"typed_name": "Other"})
    assert not Message.objects.filter(status="stopped").exists()
    done = desk.post(page_of(wave, "mails_stop_page"), {"typed_name": wave.campaign.name}, follow=True)

    assert f"0 mails have been sent; {unsent} are left and will never be." in asked
    assert "This is not the name." in wrong.content.decode()
    assert f"0 mails had been sent; {unsent} are not sent any more." in done.content.decode()
    assert Notification.objects.get(wave=wave).status == "cancelled"
    assert "Stop…" not in text_of(desk, page_of(wave))


def test_failed_mails_are_listed_masked_with_why_and_sent_again(desk: Desk, wave: Wave) -> None:
    failed = Message.objects.filter(wave_id=wave.pk).select_related("entry").earliest("pk")
    Message.objects.exclude(pk=failed.pk).update(status="sent", sent_at=timezone.now())
    Message.objects.filter(pk=failed.pk).update(status="failed", error="refused 550")
    Notification.objects.filter(wave=wave).update(status="finished", lease_until=None)

    text = text_of(desk, page_of(wave))
    desk.post(page_of(wave, "mails_retry_page"))
    scenario.run_jobs()

    assert "refuses this address or mail for good (550)" in text
    assert failed.entry.email not in text
    assert "Send the 1 failed one again" in text
    failed.refresh_from_db()
    assert failed.status == "sent"


def test_mails_in_doubt_and_a_server_that_is_away_are_told(desk: Desk, wave: Wave) -> None:
    first = Message.objects.filter(wave_id=wave.pk).earliest("pk")
    Message.objects.filter(pk=first.pk).update(is_doubtful=True)
    Notification.objects.filter(wave=wave).update(
        status="queued", lease_until=None, away_since=timezone.now(), run_after=timezone.now()
    )

    text = text_of(desk, page_of(wave))
    home = text_of(desk, reverse("admin:index"))

    assert "1 mail may have been sent twice" in text
    assert "The mail server takes no mails since" in text
    assert "the mail server takes none" in home


def test_the_progress_comes_anew_until_there_is_none_any_more(desk: Desk, wave: Wave) -> None:
    running = desk.get(page_of(wave, "mails_live_page"))
    Notification.objects.filter(wave=wave).update(status="finished", lease_until=None)
    over = desk.get(page_of(wave, "mails_live_page"))

    assert "hx-get" in running.content.decode()
    assert "HX-Refresh" not in running.headers
    assert over.headers["HX-Refresh"] == "true"


def test_of_millions_a_running_sender_is_believed(desk: Desk, wave: Wave, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_counts, "MOST_COUNTED", 0)
    Notification.objects.filter(wave=wave).update(progress_done=900_000, progress_total=1_500_000)

    with CaptureQueriesContext(connection) as queries:
        text = text_of(desk, page_of(wave, "mails_live_page"))

    assert "<strong>900,000</strong> sent" in text
    assert "<strong>600,000</strong> left" in text
    assert not [one for one in queries.captured_queries if "GROUP BY" in one["sql"] and "entries_message" in one["sql"]]


def test_who_may_only_look_sees_no_button(clerk: Staff, wave: Wave) -> None:
    Grant.objects.create(
        staff=clerk, campaign_id=wave.campaign_id, action="view", granted_at=timezone.now(), granted_by=clerk
    )
    desk = signed_in(clerk)

    text = text_of(desk, page_of(wave))

    assert "left" in text
    assert "Pause" not in text
    assert desk.post(page_of(wave, "mails_pause_page")).status_code == 403
    assert Notification.objects.get(wave=wave).status == "running"


def test_the_page_costs_the_same_at_any_number_of_failures(desk: Desk, whole_tour: Tour) -> None:
    wave = whole_tour.sent
    counts = []
    for share in (1, 5):
        picked = Message.objects.filter(wave_id=wave.pk).values_list("pk", flat=True)[:share]
        Message.objects.filter(pk__in=list(picked)).update(status="failed", sent_at=None)
        desk.get(page_of(wave))
        with CaptureQueriesContext(connection) as queries:
            desk.get(page_of(wave))
        counts.append(len(queries))

    assert Entry.objects.exists()
    assert counts[0] == counts[1]
