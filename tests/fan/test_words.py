"""What pages and mails say in words."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from campaigns.models import Locale, Market, Venue
from monoql import fan_words
from monoql.templatetags.fan import linked, paragraphs
from waves.explanation import Outcome, not_selected
from waves.models import Wave

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
EVENING = datetime(2027, 2, 13, 2, 0, tzinfo=UTC)
REASONS = (
    "withdrawn",
    "excluded",
    "unconfirmed",
    "already_selected",
    "not_in_audience",
    "no_choice",
    "below_min_score",
    "above_max_score",
    "markets_full",
    "voided",
)


def locale(code: str) -> Locale:
    """A locale that no database needs to hold."""
    return Locale(code=code, name=code)


def market(city: str, state: str = "", country: str = "US") -> Market:
    """A market of a city."""
    return Market(code="X", venue=Venue(name="Hall", city=city, state=state, country=country, timezone="UTC"))


def lost(reason: str, *cities: str) -> Outcome:
    """The outcome of a fan who was not drawn."""
    wave = cast(Wave, SimpleNamespace())
    return Outcome(wave=wave, is_selected=False, reason=reason, full_markets=[market(city) for city in cities])


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en_US", "Friday, February 12, 2027, 6:00 PM (Los Angeles time, UTC−8)"),
        ("en_GB", "Friday 12 February 2027, 18:00 (Los Angeles time, UTC−8)"),
        ("de_DE", "Freitag, 12. Februar 2027, 18:00 Uhr (Ortszeit Los Angeles, UTC−8)"),
        ("es_MX", "viernes 12 de febrero de 2027, 18:00 (hora de Los Angeles, UTC−8)"),
        ("fr_CA", "vendredi 12 février 2027, 18 h 00 (heure de Los Angeles, UTC−8)"),
        ("pt_BR", "sexta-feira, 12 de fevereiro de 2027, 18:00 (horário de Los Angeles, UTC−8)"),
        ("ja_JP", "2027年2月12日(金) 18:00 (Los Angeles時間、UTC−8)"),
    ],
)
def test_a_moment_is_written_as_its_language_writes_it(code: str, text: str) -> None:
    with translation.override(locale(code).language):
        assert fan_words.moment_text(EVENING, LOS_ANGELES, locale=locale(code)) == text


def test_a_window_names_its_day_once() -> None:
    end = EVENING + timedelta(hours=3)

    text = fan_words.window_text(EVENING, end, LOS_ANGELES, locale=locale("en_US"), place="Inglewood")

    assert text == "Friday, February 12, 2027, 6:00 PM to 9:00 PM (Inglewood time, UTC−8)"


@pytest.mark.parametrize(
    ("zone", "text"), [("UTC", "UTC"), ("Asia/Kolkata", "Kolkata time, UTC+5:30"), ("Asia/Tokyo", "Tokyo time, UTC+9")]
)
def test_a_zone_is_named_by_city_and_distance(zone: str, text: str) -> None:
    assert fan_words.zone_text(EVENING, ZoneInfo(zone)) == text


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        (timedelta(days=9, hours=5), "9 days to go"),
        (timedelta(hours=30), "30 hours to go"),
        (timedelta(minutes=90), "90 minutes to go"),
        (timedelta(seconds=20), "1 minute to go"),
        (timedelta(0), ""),
    ],
)
def test_the_time_to_go_is_told_in_one_unit(rest: timedelta, text: str) -> None:
    assert fan_words.to_go_text(rest) == text


@pytest.mark.parametrize("language", ["en", "de", "es", "fr", "pt", "ja", "ar"])
@pytest.mark.parametrize("reason", REASONS)
def test_each_reason_is_a_sentence_in_each_language(language: str, reason: str) -> None:
    english = fan_words.outcome_text(lost(reason, "Phoenix"))

    with translation.override(language):
        text = fan_words.outcome_text(lost(reason, "Phoenix"))

    assert text[-1] in ".。"
    assert "_" not in text
    assert (text == english) == (language == "en")


def test_a_long_list_of_full_cities_is_cut_with_its_number() -> None:
    text = fan_words.outcome_text(lost("markets_full", *(f"City {number}" for number in range(29))))

    assert text == "City 0, City 1, City 2 and 26 more cities were full before your number came up."


def test_the_choice_is_told_by_its_rank() -> None:
    wave = cast(Wave, SimpleNamespace())
    outcome = Outcome(wave=wave, is_selected=True, market=market("Inglewood", "CA"), choice=7)

    assert fan_words.outcome_text(outcome) == "You were drawn for Inglewood, CA, number 7 on your list."


def test_a_latin_city_does_not_turn_an_arabic_sentence_round() -> None:
    with translation.override("ar"):
        assert "\u2068Phoenix\u2069" in fan_words.outcome_text(lost("markets_full", "Phoenix"))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (
            "(see https://a.example/b).",
            '(see <a href="https://a.example/b" rel="noopener nofollow">https://a.example/b</a>).',
        ),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ('https://a.example/"onclick=x', None),
        (
            "こちら：https://a.example/。",
            'こちら：<a href="https://a.example/" rel="noopener nofollow">https://a.example/</a>。',
        ),
    ],
)
def test_only_web_addresses_become_links(text: str, html: str | None) -> None:
    if html is not None:
        assert linked(text) == html
    assert '"onclick' not in linked(text)


def test_blank_lines_part_paragraphs() -> None:
    assert paragraphs("one\r\ntwo\r\n\r\n\r\n<three>") == "<p>one<br>two</p><p>&lt;three&gt;</p>"


def test_a_city_without_places_was_never_full() -> None:
    wave = cast(Wave, SimpleNamespace())
    phoenix, denver = market("Phoenix"), market("Denver")

    some = fan_words.outcome_text(not_selected(wave, "markets_full", [(phoenix, 3), (denver, 0)]))
    none = fan_words.outcome_text(not_selected(wave, "markets_full", [(denver, 0)]))

    assert "Phoenix" in some
    assert "Denver" not in some
    assert none == "In this draw there were no places in the cities on your list."


def test_a_city_stands_with_its_state_where_people_say_it() -> None:
    cities = [
        market("Atlanta", "GA"),
        market("Sydney", "NSW", "AU"),
        market("London", "ENG", "GB"),
        market("東京", "13", "JP"),
    ]

    assert [fan_words.city_text(city) for city in cities] == ["Atlanta, GA", "Sydney, NSW", "London", "東京"]
