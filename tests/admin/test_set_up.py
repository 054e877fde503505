"""Markets with their dates, questions, the catalogue and the accounts, at the admin."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from campaigns.models import Campaign, Event, Field, Market, Venue
from core.models import AuditEvent
from tests import scenario
from tests.admin.conftest import Desk, Reader, signed_in
from viewers.models import Staff

pytestmark = pytest.mark.django_db
NO_DATES = {"events-TOTAL_FORMS": 0, "events-INITIAL_FORMS": 0}


@pytest.fixture
def draft(db: None) -> Campaign:
    """The tour before its opening."""
    return scenario.make_tour()


def add(model: str, campaign: Campaign) -> str:
    """The address that adds a row to a campaign."""
    return f"{reverse(f'admin:campaigns_{model}_add')}?campaign={campaign.pk}"


def test_a_market_is_made_with_its_dates_on_the_campaigns_clock(desk: Desk, draft: Campaign) -> None:
    venue = Venue.objects.create(name="Olympiastadion", city="Berlin", country="DE", timezone="Europe/Berlin")

    answer = desk.post(
        add("market", draft),
        {
            "code": "DE-BER",
            "venue": venue.pk,
            "split": "sequential",
            "population_limit": 500,
            "is_active": "on",
            "events-TOTAL_FORMS": 2,
            "events-INITIAL_FORMS": 0,
            "events-0-code": "DE-BER-1",
            "events-0-starts_at_0": "2027-06-01T11:00",
            "events-0-is_active": "on",
            "events-1-code": "DE-BER-2",
            "events-1-starts_at_0": "2027-06-02T11:00",
            "events-1-is_active": "on",
        },
    )

    market = Market.objects.get(campaign=draft, code="DE-BER")
    events = list(market.events.order_by("number").values_list("number", "code", "starts_at"))
    assert answer.headers["Location"] == f"{reverse('admin:campaigns_market_changelist')}?campaign={draft.pk}"
    assert market.number == 3
    assert events == [
        (1, "DE-BER-1", datetime(2027, 6, 1, 18, 0, tzinfo=UTC)),
        (2, "DE-BER-2", datetime(2027, 6, 2, 18, 0, tzinfo=UTC)),
    ]


def test_a_code_that_is_taken_is_told_at_the_market_and_at_the_date(desk: Desk, draft: Campaign) -> None:
    venue = Venue.objects.order_by("pk")[0]
    market = {"venue": venue.pk, "split": "concurrent", "is_active": "on"}
    date = {"events-TOTAL_FORMS": 1, "events-INITIAL_FORMS": 0, "events-0-starts_at_0": "2027-06-01T11:00"}

    same_market = desk.post(add("market", draft), {**market, **NO_DATES, "code": "CA-LAX"})
    same_date = desk.post(add("market", draft), {**market, **date, "code": "NEW", "events-0-code": "CA-LAX-1"})

    for answer in (same_market, same_date):
        assert answer.status_code == 200
        assert "Another one of this campaign has this code." in answer.content.decode()
    assert draft.markets.count() == 2


def test_without_a_campaign_a_list_asks_which(desk: Desk) -> None:
    answer = desk.get(reverse("admin:campaigns_market_changelist"), follow=True)

    assert answer.redirect_chain[-1][0] == reverse("admin:campaigns_campaign_changelist")
    assert "Choose a campaign first" in answer.content.decode()


def test_a_list_keeps_to_its_campaign(read: Reader, draft: Campaign) -> None:
    other = scenario.make_tour(domain="other")
    scenario.add_market(other, "XX-OTHER", "Elsewhere", split="concurrent", events=1, now=datetime.now(UTC))

    text = read(f"{reverse('admin:campaigns_market_changelist')}?campaign={draft.pk}")

    assert "CA-LAX" in text
    assert "XX-OTHER" not in text


def test_a_market_can_go_before_the_opening_and_not_after(desk: Desk, draft: Campaign) -> None:
    first, second = draft.markets.order_by("number")
    desk.post(reverse("admin:campaigns_market_delete", args=[second.pk]), {"post": "yes"})
    venue = {"code": "AZ-PHX", "venue": second.venue_id, "split": "concurrent", "is_active": "on"}
    desk.post(add("market", draft), {**venue, **NO_DATES})
    Event.objects.create(
        market=draft.markets.get(code="AZ-PHX"), code="AZ-PHX-1", starts_at=datetime(2027, 6, 1, tzinfo=UTC)
    )
    desk.post(reverse("admin:campaigns_campaign_open_page", args=[draft.pk]))

    answer = desk.post(reverse("admin:campaigns_market_delete", args=[first.pk]), {"post": "yes"})

    assert not Market.objects.filter(pk=second.pk).exists()
    assert answer.status_code == 403
    assert Market.objects.filter(pk=first.pk).exists()
    assert AuditEvent.objects.filter(action="market.delete", campaign_id=draft.pk).count() == 1


def test_a_question_is_asked_in_every_language(desk: Desk, draft: Campaign) -> None:
    desk.post(
        add("field", draft),
        {
            "number": 2,
            "key": "area",
            "type": "dropdown",
            "label_en": "Where would you like to be?",
            "label_de": "Wo möchtest du stehen?",
            "options": "floor | en: Floor | de: Innenraum\n\nseat | en: A seat",
        },
    )

    field = Field.objects.get(campaign=draft, key="area")
    assert (field.label, field.label_de) == ("Where would you like to be?", "Wo möchtest du stehen?")  # type: ignore[attr-defined]  # One column a language.
    assert field.options == [
        {"value": "floor", "labels": {"en": "Floor", "de": "Innenraum"}},
        {"value": "seat", "labels": {"en": "A seat"}},
    ]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"label_en": ""}, "This field is required"),
        ({"key": "seat"}, "Another question of this campaign has this key."),
        ({"number": 1}, "Another question has this place in the order."),
        ({"type": "dropdown", "options": ""}, "A dropdown needs at least one option."),
        ({"type": "dropdown", "options": "a | xx: A"}, "Line 1: “xx: A” is not a label."),
        ({"type": "dropdown", "options": "a\na"}, "Line 2: the value “a” stands twice."),
    ],
)
def test_a_wrong_question_is_told_in_words(wrong: dict[str, object], words: str, desk: Desk, draft: Campaign) -> None:
    form = {"number": 2, "key": "area", "type": "text", "label_en": "Where?", "options": "", **wrong}

    answer = desk.post(add("field", draft), form)

    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert draft.fields.count() == 1


def test_a_venue_is_named_in_every_language(desk: Desk, db: None) -> None:
    form = {"name_en": "Tokyo Dome", "city_en": "Tokyo", "city_ja": "東京", "country": "JP", "timezone": "Asia/Tokyo"}

    desk.post(reverse("admin:campaigns_venue_add"), form)
    again = desk.post(reverse("admin:campaigns_venue_add"), form)

    venue = Venue.objects.get()
    assert (venue.city, venue.city_ja) == ("Tokyo", "東京")  # type: ignore[attr-defined]  # One column a language.
    assert again.status_code == 200


def test_an_account_is_made_with_a_password_that_no_history_keeps(desk: Desk, supreme: Staff) -> None:
    secret = "a-long-and-odd-word-7"

    desk.post(reverse("admin:viewers_staff_add"), {"username": "olga", "password1": secret, "password2": secret})

    olga = Staff.objects.get(username="olga")
    assert olga.is_staff
    assert not olga.is_superuser
    assert olga.check_password(secret)
    assert secret not in str(list(AuditEvent.objects.values_list("changes", flat=True)))
    assert signed_in(olga).get(reverse("admin:index")).status_code == 200


def test_an_account_is_switched_off_and_cannot_be_deleted(desk: Desk, clerk: Staff) -> None:
    form = {"username": "carl", "first_name": "Carl", "last_name": "", "email": "carl@monoql.example"}

    desk.post(reverse("admin:viewers_staff_change", args=[clerk.pk]), form)
    answer = desk.post(reverse("admin:viewers_staff_delete", args=[clerk.pk]), {"post": "yes"})

    clerk.refresh_from_db()
    event = AuditEvent.objects.get(action="staff.change")
    assert not clerk.is_active
    assert answer.status_code == 403
    assert event.changes["is_active"] == [True, False]
    assert "Carl" not in str(event.changes)


def test_another_password_is_set_on_a_page_of_its_own(desk: Desk, clerk: Staff) -> None:
    secret = "another-odd-word-8"

    desk.post(reverse("admin:viewers_staff_password_page", args=[clerk.pk]), {"password1": secret, "password2": secret})

    clerk.refresh_from_db()
    assert clerk.check_password(secret)
    assert AuditEvent.objects.filter(action="staff.password", target_id=str(clerk.pk)).exists()


def test_nobody_can_change_the_history(desk: Desk, tour: Campaign) -> None:
    event = AuditEvent.objects.order_by("pk")[0]

    add_page = desk.get(reverse("admin:core_auditevent_add"))
    delete = desk.post(reverse("admin:core_auditevent_delete", args=[event.pk]), {"post": "yes"})

    assert (add_page.status_code, delete.status_code) == (403, 403)


def test_staff_pages_do_not_change_with_the_browsers_language(supreme: Staff, draft: Campaign) -> None:
    Venue.objects.create(name="Tokyo Dome", city="Tokyo", city_ja="東京", country="JP", timezone="Asia/Tokyo")
    german = signed_in(supreme)
    german.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    venues = reverse("admin:campaigns_venue_changelist")
    menu = f"{reverse('admin:autocomplete')}?app_label=campaigns&model_name=market&field_name=venue&term="

    by_city = german.get(f"{venues}?q=Tokyo").content.decode()
    by_its_own_name = german.get(f"{venues}?q=東京").content.decode()
    proposed = german.get(menu + "tokyo").json()["results"]
    saved = german.post(reverse("admin:campaigns_artist_add"), {"name": "Halcyon"}, follow=True).content.decode()

    assert "1 venue" in by_city
    assert "1 venue" in by_its_own_name
    assert [row["text"] for row in proposed] == ["Tokyo Dome, Tokyo"]
    assert "was added successfully" in saved


def test_a_question_can_be_reworded(desk: Desk, draft: Campaign) -> None:
    field = draft.fields.get(key="seat")
    form = {"number": 1, "key": "seat", "type": "text", "label_en": "Which seat?", "label_de": "Welcher Platz?"}

    desk.post(reverse("admin:campaigns_field_change", args=[field.pk]), {**form, "options": ""})

    stored = Field.objects.rewrite(False).values_list("label", "label_en", "label_de").get(pk=field.pk)
    assert stored == ("Which seat?", "Which seat?", "Welcher Platz?")
