"""Making a campaign and leading it through its life, at the admin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Artist, Campaign, Content, Locale
from core.models import AuditEvent
from tests import scenario
from tests.admin.conftest import Desk, Reader

pytestmark = pytest.mark.django_db
ADD = "admin:campaigns_campaign_add"
FORM = {
    "name": "Halcyon Hall 2027",
    "type": "registration",
    "domain": "halcyon-2027",
    "reference_timezone": "Europe/Berlin",
    "open_at_0": "2027-01-10T10:00",
    "close_at_0": "2027-01-20T18:30",
    "identifier_type": "email",
    "allows_international_phones": "on",
    "show_access_code": "on",
}


@pytest.fixture
def form(db: None) -> dict[str, object]:
    """A filled form for a new campaign."""
    artist = Artist.objects.create(name="Halcyon")
    for code, name in (("en_US", "English"), ("de_DE", "Deutsch")):
        Locale.objects.create(code=code, name=name)
    return {**FORM, "artist": artist.pk, "locales": ["en_US", "de_DE"], "default_locale": "de_DE"}


def page_of(campaign: Campaign, step: str = "change") -> str:
    """The address of a campaign's page, or of one of its steps."""
    return reverse(f"admin:campaigns_campaign_{step}", args=[campaign.pk])


def test_times_are_typed_on_the_clock_of_the_reference_timezone(desk: Desk, form: dict[str, object]) -> None:
    answer = desk.post(reverse(ADD), form)

    campaign = Campaign.objects.get(domain="halcyon-2027")
    assert answer.status_code == 302
    assert campaign.open_at == datetime(2027, 1, 10, 9, 0, tzinfo=UTC)
    assert campaign.close_at == datetime(2027, 1, 20, 17, 30, tzinfo=UTC)
    assert set(campaign.locales.values_list("pk", flat=True)) == {"en_US", "de_DE"}


def test_the_page_shows_stored_times_on_that_clock_with_its_name(read: Reader, tour: Campaign) -> None:
    assert tour.close_at is not None
    local = tour.close_at.astimezone(ZoneInfo("America/Los_Angeles"))

    text = read(page_of(tour))

    assert f'value="{local:%Y-%m-%dT%H:%M}"' in text
    assert '<span class="mq-zone">America/Los_Angeles</span>' in text
    assert "America/Los_Angeles (" in text
    assert " UTC)" in text


def test_a_time_that_the_clocks_skip_is_refused_with_its_neighbours(desk: Desk, form: dict[str, object]) -> None:
    answer = desk.post(reverse(ADD), {**form, "open_at_0": "2027-03-28T02:30", "close_at_0": "2027-04-28T02:30"})

    assert answer.status_code == 200
    assert "does not exist in Europe/Berlin" in answer.content.decode()
    assert "Take 01:30 or 03:30." in answer.content.decode()


def test_a_time_that_comes_twice_asks_which_one(desk: Desk, form: dict[str, object]) -> None:
    twice = {**form, "open_at_0": "2026-10-25T02:30"}

    asked = desk.post(reverse(ADD), twice)
    desk.post(reverse(ADD), {**twice, "open_at_1": "second"})

    assert "comes twice on this day in Europe/Berlin" in asked.content.decode()
    assert 'name="open_at_1"' in asked.content.decode()
    assert Campaign.objects.get(domain="halcyon-2027").open_at == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_saving_untouched_times_keeps_their_seconds(desk: Desk, form: dict[str, object]) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")
    exact = datetime(2027, 1, 10, 9, 0, 33, tzinfo=UTC)
    Campaign.objects.filter(pk=campaign.pk).update(open_at=exact)

    desk.post(page_of(campaign), {**form, "name": "Another name"})

    campaign.refresh_from_db()
    assert (campaign.name, campaign.open_at) == ("Another name", exact)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"close_at_0": "2027-01-09T10:00"}, "It closes after it opens"),
        ({"finish_at_0": "2027-01-19T10:00"}, "It cannot finish before it closes"),
        ({"type": "fanlist"}, "A fanlist runs without dates"),
        ({"reference_timezone": "Mars/Olympus"}, "is no time zone"),
        ({"open_at_0": "tomorrow"}, "Give a date and a time"),
        ({"domain": "Halcyon Hall"}, "Use lower-case letters"),
        ({"allowed_origins": "https://a.example\r\nhttp://b.example"}, "is not encrypted"),
    ],
)
def test_a_broken_rule_is_told_in_words_beside_its_field(
    wrong: dict[str, str], words: str, desk: Desk, form: dict[str, object]
) -> None:
    answer = desk.post(reverse(ADD), {**form, **wrong})

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert "Constraint" not in answer.content.decode()


def test_a_domain_that_is_taken_is_told_at_the_domain(desk: Desk, form: dict[str, object]) -> None:
    desk.post(reverse(ADD), form)

    answer = desk.post(reverse(ADD), form)

    assert answer.status_code == 200
    assert "Another campaign has this domain." in answer.content.decode()


def test_an_edit_is_written_in_the_history_with_old_and_new(desk: Desk, form: dict[str, object], read: Reader) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")

    desk.post(page_of(campaign), {**form, "name": "Halcyon Hall, moved"})

    added, changed = AuditEvent.objects.filter(campaign_id=campaign.pk).order_by("id")
    assert (added.action, changed.action) == ("campaign.add", "campaign.change")
    assert changed.changes == {"name": ["Halcyon Hall 2027", "Halcyon Hall, moved"]}
    assert changed.actor_label == "sue"
    assert "Halcyon Hall 2027 → Halcyon Hall, moved" in read(page_of(campaign, "history"))


def test_other_sites_are_stored_as_browsers_name_them(desk: Desk, form: dict[str, object]) -> None:
    desk.post(reverse(ADD), {**form, "allowed_origins": "https://Fans.Example/\r\nhttp://localhost:5173\r\n"})

    campaign = Campaign.objects.get(domain="halcyon-2027")
    assert campaign.allowed_origins == "https://fans.example\nhttp://localhost:5173"


def test_what_the_opening_fixed_cannot_be_typed_any_more(desk: Desk, tour: Campaign) -> None:
    text = desk.get(page_of(tour)).content.decode()

    assert 'name="domain"' not in text
    assert 'name="reference_timezone"' not in text
    assert "fixed since it first opened" in text


def test_the_readiness_list_leads_to_what_mends_it(read: Reader, desk: Desk, form: dict[str, object]) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")

    text = read(page_of(campaign))

    assert "Add a market" in text
    assert f"{reverse('admin:campaigns_market_changelist')}?campaign={campaign.pk}" in text
    assert "Write the texts of the default locale de_DE" in text


@pytest.mark.parametrize("section", ["market", "field", "gate", "content", "image", "faq"])
def test_before_the_opening_each_section_says_what_is_missing(
    read: Reader, desk: Desk, form: dict[str, object], section: str
) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")

    text = read(f"{reverse(f'admin:campaigns_{section}_changelist')}?campaign={campaign.pk}")

    assert "Add a market" in text
    assert "Write the texts of the default locale de_DE" in text


def test_what_lacks_nothing_is_to_be_opened(read: Reader, db: None) -> None:
    campaign = scenario.make_tour()

    text = read(page_of(campaign))

    assert "mq-line-bad" not in text
    assert "Open it, or release it for the clock." in text
    assert "See what is missing" not in text


def test_opening_what_is_not_ready_is_refused_on_the_page(desk: Desk, form: dict[str, object]) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")

    answer = desk.post(page_of(campaign, "open_page"))

    campaign.refresh_from_db()
    assert answer.status_code == 200
    assert "The campaign is not ready" in answer.content.decode()
    assert campaign.status == "not_started"


def test_opening_says_in_numbers_what_it_does_and_does_it(desk: Desk, db: None) -> None:
    campaign = scenario.make_tour()

    before = desk.get(page_of(campaign, "open_page")).content.decode()
    desk.post(page_of(campaign, "open_page"), {"reason": "All is set"})

    campaign.refresh_from_db()
    assert "for 2 markets with 4 dates, in 3 languages" in before
    assert "32 commitments" in before
    assert campaign.status == "open"
    assert AuditEvent.objects.get(action="campaign.open").reason == "All is set"


def test_closing_asks_for_the_campaigns_name(desk: Desk, tour: Campaign) -> None:
    without = desk.post(page_of(tour, "close_page"))
    wrong = desk.post(page_of(tour, "close_page"), {"typed_name": "Aurora"})
    still_open = Campaign.objects.get(pk=tour.pk).status
    desk.post(page_of(tour, "close_page"), {"typed_name": "  Aurora   Vale 2027 "})

    tour.refresh_from_db()
    assert "Type the name" in without.content.decode()
    assert "This is not the name" in wrong.content.decode()
    assert (still_open, tour.status) == ("open", "closed")


def test_a_step_that_somebody_else_took_first_is_told_kindly(desk: Desk, tour: Campaign) -> None:
    name = {"typed_name": tour.name}
    desk.post(page_of(tour, "close_page"), name)

    answer = desk.post(page_of(tour, "close_page"), name)

    assert answer.status_code == 200
    assert "The campaign is closed." in answer.content.decode()


def test_a_finished_campaign_can_be_read_but_not_changed(desk: Desk, tour: Campaign) -> None:
    desk.post(page_of(tour, "close_page"), {"typed_name": tour.name})
    desk.post(page_of(tour, "finish_page"), {"typed_name": tour.name})

    page = desk.get(page_of(tour)).content.decode()
    market = tour.markets.order_by("pk")[0]
    answer = desk.post(reverse("admin:campaigns_market_change", args=[market.pk]), {"split": "sequential"})
    adding = desk.get(f"{reverse('admin:campaigns_market_add')}?campaign={tour.pk}", follow=True)

    assert Campaign.objects.get(pk=tour.pk).status == "finished"
    assert 'name="_save"' not in page
    assert answer.status_code == 403
    assert "nothing in it changes any more" in adding.content.decode()


def test_the_list_shows_state_time_entries_and_the_next_step(read: Reader, tour: Campaign) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    text = read(reverse("admin:campaigns_campaign_changelist"))

    assert "Aurora Vale 2027" in text
    assert "closes in 2 d 23 h" in text
    assert "America/Los_Angeles" in text
    assert "Upload codes: there are none for a wave yet." in text


def test_markup_in_a_name_stays_text_everywhere(read: Reader, tour: Campaign) -> None:
    Campaign.objects.filter(pk=tour.pk).update(name="<script>alert(1)</script>")

    for address in (reverse("admin:index"), reverse("admin:campaigns_campaign_changelist"), page_of(tour)):
        assert "<script>alert(1)" not in read(address)


def test_large_campaigns_are_estimated_not_counted(
    monkeypatch: pytest.MonkeyPatch, read: Reader, tour: Campaign
) -> None:
    scenario.many_fans(tour, 30)
    monkeypatch.setattr("core.estimates.EXACT_UP_TO", 10)
    monkeypatch.setattr("core.estimates.counts_by_key.__kwdefaults__", {"exact_up_to": 10})

    text = read(reverse("admin:campaigns_campaign_changelist"))

    assert "more than 10" in text or "about 30" in text


def test_content_of_another_locale_shows_what_it_falls_back_to(read: Reader, tour: Campaign) -> None:
    german = Content.objects.get(campaign=tour, locale="de_DE")

    text = read(reverse("admin:campaigns_content_change", args=[german.pk]))

    assert 'placeholder="Register for the presale."' in text


def test_locales_without_texts_are_offered(read: Reader, tour: Campaign) -> None:
    text = read(f"{reverse('admin:campaigns_content_changelist')}?campaign={tour.pk}")

    assert f"campaign={tour.pk}&amp;locale=ar_EG" in text


def test_a_campaign_opened_long_ago_is_told_when_it_should_have(read: Reader, db: None) -> None:
    campaign = scenario.make_tour()
    Campaign.objects.filter(pk=campaign.pk).update(is_released=True, open_at=timezone.now() - timedelta(hours=2))

    assert "It should be open: see what keeps it." in read(page_of(campaign))


def test_an_edit_does_not_undo_what_the_clock_does_meanwhile(
    monkeypatch: pytest.MonkeyPatch, desk: Desk, form: dict[str, object]
) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")

    def tick(self: Campaign) -> None:
        Campaign.objects.filter(pk=self.pk).update(status="open")

    monkeypatch.setattr(Campaign, "clean", tick)
    answer = desk.post(page_of(campaign), {**form, "name": "Renamed"})

    campaign.refresh_from_db()
    assert answer.status_code == 302
    assert (campaign.name, campaign.status) == ("Renamed", "open")


def test_a_change_of_the_reference_timezone_moves_the_instants(desk: Desk, form: dict[str, object]) -> None:
    desk.post(reverse(ADD), form)
    campaign = Campaign.objects.get(domain="halcyon-2027")

    desk.post(page_of(campaign), {**form, "reference_timezone": "Asia/Tokyo"})

    campaign.refresh_from_db()
    assert campaign.open_at == datetime(2027, 1, 10, 1, 0, tzinfo=UTC)
