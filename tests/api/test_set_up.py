"""How staff set a campaign up by REST."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from campaigns.models import Artist, Campaign, Content, Event, Field, Gate, Locale, Market, Venue
from core.models import AuditEvent
from tests import scenario
from tests.api.calling import Api, is_error

pytestmark = pytest.mark.django_db
TOUR = "campaigns/aurora/"


def deeds() -> list[str]:
    """What the audit trail says was done, in order."""
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def new_campaign(**changed: Any) -> dict[str, Any]:
    """A campaign's least set-up."""
    artist, _ = Artist.objects.get_or_create(name="Aurora Vale")
    Locale.objects.get_or_create(code="en_US", name="English")
    least = {
        "name": "New",
        "artist": artist.pk,
        "domain": "new",
        "reference_timezone": "UTC",
        "default_locale": "en_US",
    }
    return {**least, **changed}


def test_artists_venues_and_locales_are_made_read_and_changed(staff: Api) -> None:
    artist = staff.post("artists/", {"name": "Aurora Vale", "discovery_id": "K8v"}).body
    hall = {
        "name": "Hall",
        "city": "Tokyo",
        "country": "JP",
        "timezone": "Asia/Tokyo",
        "latitude": "35.6",
        "longitude": 139,
    }
    venue = staff.post("venues/", {**hall, "translations": {"ja": {"city": "東京"}}}).body
    locale = staff.post("locales/", {"code": "ja_JP", "name": "日本語"}).body

    assert (
        staff.patch(f"artists/{artist['id']}/", {"fan_club_name": "Vale People"}).body["fan_club_name"] == "Vale People"
    )
    assert staff.get(f"venues/{venue['id']}/").body["translations"] == {"ja": {"city": "東京"}}
    assert staff.patch("locales/ja_JP/", {"is_active": False}).body == {**locale, "is_active": False}
    assert [row["name"] for row in staff.get("artists/").body["results"]] == ["Aurora Vale"]
    assert is_error(staff.post("artists/", {"name": "Eve", "discovery_id": "K8v"}), 400, "invalid")
    assert is_error(staff.post("venues/", hall), 400, "invalid")
    assert is_error(staff.patch("locales/ja_JP/", {"code": "ja_JA"}), 400, "invalid")
    assert deeds() == ["artist.create", "venue.create", "locale.create", "artist.update", "locale.update"]


def test_words_are_english_whatever_the_client_speaks(staff: Api) -> None:
    hall = {"name": "Hall", "city": "Munich", "country": "DE", "timezone": "Europe/Berlin"}
    venue = staff.post("venues/", {**hall, "translations": {"de": {"city": "München"}}}, accept_language="de")
    changed = staff.patch(f"venues/{venue.body['id']}/", {"city": "Munich City"}, accept_language="de")

    stored = Venue.objects.get()
    assert (stored.city_en, stored.city_de) == ("Munich City", "München")  # type: ignore[attr-defined]  # Translated.
    assert (venue.body["city"], changed.body["city"]) == ("Munich", "Munich City")
    assert changed.headers["Content-Language"] == "en"


@pytest.mark.parametrize(
    "wrong",
    [7, [], {"xx": {}}, {"en": {"city": "Tokyo"}}, {"de": "München"}, {"de": {"zip": "1"}}, {"de": {"city": 7}}],
)
def test_a_translation_that_there_is_not_is_refused(staff: Api, wrong: object) -> None:
    hall = {"name": "Hall", "city": "Munich", "country": "DE", "timezone": "Europe/Berlin", "translations": wrong}

    answer = staff.post("venues/", hall)

    assert is_error(answer, 400, "invalid")
    assert list(answer.body["errors"]) == ["translations"]


def test_lists_come_in_pages_newest_first(staff: Api) -> None:
    for number in range(5):
        Artist.objects.create(name=f"Artist {number}")

    first = staff.get("artists/?limit=2").body
    second = staff.get(first["next"].removeprefix("http://testserver")).body

    assert [row["name"] for row in first["results"]] == ["Artist 4", "Artist 3"]
    assert [row["name"] for row in second["results"]] == ["Artist 2", "Artist 1"]
    assert first["previous"] is None
    assert len(staff.get("artists/?limit=0").body["results"]) == 5


def test_uploads_come_in_pages_newest_first(staff: Api, tour: Campaign) -> None:
    for number in range(3):
        file = f"CODE-{number}\n".encode()
        assert (
            staff.upload("codes/uploads/", file, campaign="aurora", market="CA-LAX", name=f"{number}.csv").status == 202
        )

    first = staff.get("codes/uploads/?campaign=aurora&limit=2").body
    second = staff.get(first["next"].removeprefix("http://testserver")).body

    assert [row["file_name"] for row in [*first["results"], *second["results"]]] == ["2.csv", "1.csv", "0.csv"]


def test_a_new_campaign_says_what_is_missing(staff: Api) -> None:
    answer = staff.post("campaigns/", new_campaign())

    assert answer.status == 201
    assert (answer.body["status"], answer.body["locales"]) == ("not_started", [])
    red = {line["section"] for line in answer.body["readiness"] if line["is_red"]}
    assert red == {"dates", "markets", "content", "promoter"}
    assert is_error(staff.post("campaigns/new/open/"), 409, "cannot_open")
    assert deeds() == ["campaign.create"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"domain": "Not a domain"}, "domain"),
        ({"domain": "aurora"}, "general"),
        ({"domain": "AURORA"}, "domain"),
        ({"reference_timezone": "Mars/Phobos"}, "reference_timezone"),
        ({"artist": 10**30}, "artist"),
        ({"artist": True}, "artist"),
        ({"default_locale": "xx_XX"}, "default_locale"),
        ({"locales": ["xx_XX"]}, "locales"),
        ({"open_at": "2027-02-01T10:00"}, "open_at"),
        ({"open_at": "2027-02-31T10:00Z"}, "open_at"),
        ({"open_at": "0001-01-01T00:00:00+14:00"}, "open_at"),
        ({"open_at": "2027-02-02T00:00Z", "close_at": "2027-02-01T00:00Z"}, "general"),
        ({"type": "fanlist", "open_at": "2027-02-02T00:00Z"}, "general"),
        ({"minimum_age": -1}, "minimum_age"),
        ({"minimum_age": 40_000}, "minimum_age"),
        ({"is_released": "perhaps"}, "is_released"),
    ],
)
def test_a_campaign_that_breaks_a_rule_is_refused(
    staff: Api, tour: Campaign, changed: dict[str, Any], field: str
) -> None:
    answer = staff.post("campaigns/", new_campaign(**changed))

    assert is_error(answer, 400, "invalid")
    assert list(answer.body["errors"]) == [field]
    assert Campaign.objects.count() == 1


def test_what_is_fixed_since_the_opening_stays(staff: Api, tour: Campaign) -> None:
    for changed in ({"domain": "borealis"}, {"reference_timezone": "UTC"}, {"identifier_type": "memberId"}):
        answer = staff.patch(TOUR, changed)
        assert is_error(answer, 400, "invalid")
        assert list(answer.body["errors"]) == list(changed)
    assert is_error(staff.patch(f"{TOUR}markets/CA-LAX/", {"code": "CA-LA"}), 400, "invalid")


def test_a_change_writes_only_what_it_changes(staff: Api, tour: Campaign) -> None:
    close_at = timezone.now() + timedelta(days=9)

    answer = staff.patch(
        TOUR, {"name": "Aurora", "close_at": close_at.isoformat(), "locales": ["en_US"], "status": "closed"}
    )

    tour.refresh_from_db()
    assert (answer.status, tour.name, tour.close_at, tour.status) == (200, "Aurora", close_at, "open")
    assert answer.body["locales"] == ["en_US"]
    event = AuditEvent.objects.latest("id")
    assert set(event.changes) == {"name", "close_at", "locales"}
    assert event.changes["name"] == ["Aurora Vale 2027", "Aurora"]
    assert (event.actor_label, event.campaign_id) == ("sue", tour.pk)


def test_a_change_of_nothing_leaves_no_trace(staff: Api, tour: Campaign) -> None:
    before = deeds()

    assert staff.patch(TOUR, {"name": tour.name, "locales": ["ar_EG", "de_DE", "en_US"]}).status == 200

    assert deeds() == before


def test_a_campaign_goes_through_its_life(staff: Api, tour: Campaign) -> None:
    assert is_error(staff.post(f"{TOUR}finish/"), 409, "cannot_finish")
    assert staff.post(f"{TOUR}close/", {"reason": "Enough."}).body["status"] == "closed"
    assert is_error(staff.post(f"{TOUR}close/"), 409, "cannot_close")
    assert staff.post(f"{TOUR}open/").body["status"] == "open"
    assert staff.post(f"{TOUR}close/", {}).body["status"] == "closed"
    assert staff.post(f"{TOUR}finish/").body["status"] == "finished"
    assert is_error(staff.post(f"{TOUR}open/"), 409, "cannot_open")
    assert AuditEvent.objects.filter(reason="Enough.", action="campaign.closed").exists()


def test_a_market_comes_with_its_events(staff: Api) -> None:
    tour = scenario.make_tour()
    venue = Venue.objects.latest("pk").pk
    dates = [{"code": f"NV-LAS-{day}", "starts_at": f"2027-06-0{day}T19:00:00-07:00"} for day in (1, 2)]

    made = staff.post(f"{TOUR}markets/", {"code": "NV-LAS", "venue": venue, "split": "sequential", "events": dates})
    moved = {"code": "NV-LAS-2", "starts_at": "2027-06-03T19:00:00-07:00"}
    new = {"code": "NV-LAS-3", "starts_at": "2027-06-04T19:00:00-07:00", "name": "Last night"}
    changed = staff.patch(f"{TOUR}markets/NV-LAS/", {"population_limit": 500, "events": [moved, new]})

    assert (made.status, made.body["number"]) == (201, 3)
    assert [(event["code"], event["number"]) for event in made.body["events"]] == [("NV-LAS-1", 1), ("NV-LAS-2", 2)]
    assert (changed.status, changed.body["population_limit"]) == (200, 500)
    assert [event["starts_at"] for event in changed.body["events"]] == [
        "2027-06-02T02:00:00Z",
        "2027-06-04T02:00:00Z",
        "2027-06-05T02:00:00Z",
    ]
    assert [market["code"] for market in staff.get(f"{TOUR}markets/").body] == ["CA-LAX", "AZ-PHX", "NV-LAS"]
    assert staff.get(f"{TOUR}markets/NV-LAS/").body == changed.body
    assert Market.objects.get(code="NV-LAS").campaign == tour
    assert deeds()[-4:] == ["event.create", "market.update", "event.update", "event.create"]


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ([{"code": "NEW-1"}], "events.0.starts_at"),
        (
            [
                {"code": "NEW-1", "starts_at": "2027-06-01T19:00Z"},
                {"code": "no code", "starts_at": "2027-06-01T19:00Z"},
            ],
            "events.1.code",
        ),
        ([{"code": "NEW-1", "starts_at": "2027-06-01T19:00Z", "number": 0}], "events.0.number"),
        ([{"code": "CA-LAX-1", "starts_at": "2027-06-01T19:00Z"}], "events.0"),
        ([{"code": "NEW-1", "starts_at": "2027-06-01T19:00Z", "colour": "red"}], "events.0.colour"),
        ({"code": "NEW-1"}, "events"),
        ([7], "events.0"),
    ],
)
def test_a_wrong_event_is_named_and_nothing_is_stored(staff: Api, tour: Campaign, events: object, field: str) -> None:
    answer = staff.post(f"{TOUR}markets/", {"code": "NEW", "venue": Venue.objects.latest("pk").pk, "events": events})

    assert is_error(answer, 400, "invalid")
    assert list(answer.body["errors"]) == [field]
    assert not Market.objects.filter(code="NEW").exists()
    assert not Event.objects.filter(code="NEW-1").exists()


def test_markets_of_another_campaign_are_not_found(staff: Api, tour: Campaign) -> None:
    other = scenario.make_tour(domain="other")
    Market.objects.filter(campaign=other, code="CA-LAX").update(code="FR-PAR")
    Field.objects.create(campaign=other, number=7, key="other", label="Other")

    assert is_error(staff.get(f"{TOUR}markets/FR-PAR/"), 404, "not_found")
    assert is_error(staff.patch(f"{TOUR}fields/other/", {"label": "Mine"}), 404, "not_found")
    lines = {"campaign": "aurora", "market": "FR-PAR"}
    assert list(staff.upload("codes/uploads/", b"A\n", **lines).body["errors"]) == ["market"]


def test_questions_are_asked_in_order_and_languages(staff: Api, tour: Campaign) -> None:
    question = {
        "key": "area",
        "number": 0,
        "type": "dropdown",
        "label": "Area",
        "translations": {"de": {"label": "Bereich", "help_text": "Wo?"}},
        "options": [{"value": "floor", "labels": {"en": "Floor", "de": "Innenraum"}}],
    }

    made = staff.post(f"{TOUR}fields/", question)
    seats = [{"value": "seat", "labels": {"en": "A seat"}}]
    changed = staff.patch(f"{TOUR}fields/area/", {"is_required": True, "options": seats})

    assert made.status == 201
    assert {name: made.body[name] for name in question} == question
    assert (changed.body["is_required"], changed.body["options"]) == (True, seats)
    assert [field["key"] for field in staff.get(f"{TOUR}fields/").body] == ["area", "seat"]
    assert is_error(staff.post(f"{TOUR}fields/", {**question, "number": 5}), 400, "invalid")


@pytest.mark.parametrize("options", [7, {}, [7], ["floor"], [{}], [{"value": {}}], [{"value": "a", "labels": "b"}]])
def test_options_that_no_form_could_show_are_refused(staff: Api, tour: Campaign, options: object) -> None:
    question = {"key": "area", "number": 2, "type": "dropdown", "label": "Area", "options": options}

    assert is_error(staff.post(f"{TOUR}fields/", question), 400, "invalid")


def test_texts_are_written_by_locale(staff: Api, tour: Campaign) -> None:
    made = staff.put(f"{TOUR}contents/ar_EG/", {"title": "أورورا", "open": "سجل"})
    again = staff.put(f"{TOUR}contents/ar_EG/", {"title": "أورورا"})
    changed = staff.patch(f"{TOUR}contents/ar_EG/", {"closed": "مغلق"})

    assert [answer.status for answer in (made, again, changed)] == [200] * 3
    assert (again.body["title"], again.body["open"]) == ("أورورا", "")
    assert (changed.body["title"], changed.body["closed"]) == ("أورورا", "مغلق")
    assert staff.get(f"{TOUR}contents/ar_EG/").body == changed.body
    assert [content["locale"] for content in staff.get(f"{TOUR}contents/").body] == ["ar_EG", "de_DE", "en_US"]
    assert Content.objects.filter(campaign=tour).count() == 3


def test_texts_of_no_locale_are_not_found(staff: Api, tour: Campaign) -> None:
    assert is_error(staff.put(f"{TOUR}contents/xx_XX/", {}), 404, "not_found")
    assert is_error(staff.get(f"{TOUR}contents/ar_EG/"), 404, "not_found")
    assert is_error(staff.patch(f"{TOUR}contents/ar_EG/", {"title": "A"}), 404, "not_found")
    assert is_error(staff.put(f"{TOUR}contents/de_DE/", {"titel": "A"}), 400, "invalid")
    assert is_error(staff.put(f"{TOUR}contents/de_DE/", {"title": "A" * 201}), 400, "invalid")


def test_nothing_changes_in_a_finished_campaign(staff: Api, tour: Campaign) -> None:
    Gate.objects.create(campaign=tour, kind="card_type", provider="sandbox")
    Campaign.objects.filter(pk=tour.pk).update(status="finished")
    path = "campaigns/aurora/"

    refused = [
        staff.patch(path, {"name": "Late"}),
        staff.post(f"{path}markets/", {}),
        staff.patch(f"{path}markets/CA-LAX/", {"population_limit": 1}),
        staff.post(f"{path}fields/", {}),
        staff.patch(f"{path}fields/seat/", {"is_required": False}),
        staff.post(f"{path}gates/", {}),
        staff.patch(f"{path}gates/{tour.gates.get().pk}/", {"is_active": False}),
        staff.patch(f"{path}contents/en_US/", {"title": "Late"}),
    ]

    assert [(answer.status, answer.body["code"]) for answer in refused] == [(409, "campaign_finished")] * 8
    assert staff.get(f"{path}markets/").status == 200
