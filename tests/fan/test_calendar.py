"""The opening as a calendar file."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Campaign, Content
from monoql.fan_calendar import MOST_OCTETS, calendar_file, escaped, folded
from tests import scenario

AT = datetime(2027, 2, 12, 18, 0, tzinfo=UTC)


@pytest.fixture
def waiting(db: None) -> Campaign:
    """The tour, released and opening in five hours."""
    campaign = scenario.make_tour()
    Campaign.objects.filter(pk=campaign.pk).update(open_at=timezone.now() + timedelta(hours=5), is_released=True)
    campaign.refresh_from_db()
    return campaign


def lines_of(text: str) -> list[str]:
    """The lines of a file as a calendar reads them: unfolded."""
    assert text.endswith("\r\n")
    return text.replace("\r\n ", "").removesuffix("\r\n").split("\r\n")


def test_a_campaign_that_waits_offers_its_opening_as_a_file(client: Client, waiting: Campaign, base: str) -> None:
    page = client.get(base).content.decode()
    answer = client.get(f"{base}opening.ics")
    lines = lines_of(answer.content.decode())

    assert 'href="/c/aurora/opening.ics"' in page
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="aurora.ics"'
    assert waiting.open_at is not None
    assert f"DTSTART:{waiting.open_at.astimezone(UTC):%Y%m%dT%H%M%SZ}" in lines
    assert f"UID:opening-{waiting.public_id}@testserver" in lines
    assert "SUMMARY:Registration opens: Aurora Vale on tour" in lines
    assert [line for line in lines if line.startswith("DTSTAMP:")]


def test_the_file_speaks_the_fans_language(client: Client, waiting: Campaign, base: str) -> None:
    text = client.get(f"{base}opening.ics?locale=de_DE").content.decode()

    assert "SUMMARY:Registrierung öffnet: Aurora Vale auf Tournee" in lines_of(text)


def test_a_title_cannot_add_lines_of_its_own(client: Client, waiting: Campaign, base: str) -> None:
    Content.objects.filter(campaign=waiting, locale_id="en_US").update(title="A;b,c\\d\r\nATTENDEE:mailto:x")

    lines = lines_of(client.get(f"{base}opening.ics").content.decode())

    assert "SUMMARY:Registration opens: A\\;b\\,c\\\\d\\nATTENDEE:mailto:x" in lines
    assert not [line for line in lines if line.startswith("ATTENDEE")]


def test_without_a_date_there_is_no_file(client: Client, waiting: Campaign, base: str) -> None:
    Campaign.objects.filter(pk=waiting.pk).update(open_at=None)

    assert client.get(f"{base}opening.ics").status_code == 404
    assert "opening.ics" not in client.get(base).content.decode()


def test_nobody_learns_of_an_opening_before_its_release(client: Client, waiting: Campaign, base: str) -> None:
    Campaign.objects.filter(pk=waiting.pk).update(is_released=False)

    assert client.get(f"{base}opening.ics").status_code == 404


@given(st.text(max_size=400))
def test_lines_are_folded_between_letters_and_give_the_text_again(text: str) -> None:
    parts = list(folded(escaped(text)))

    assert all(len(part.encode()) <= MOST_OCTETS for part in parts)
    assert all(part.startswith(" ") for part in parts[1:])
    assert "".join([parts[0], *(part[1:] for part in parts[1:])]) == escaped(text)
    assert not {"\r", "\n"} & set("".join(parts))


def test_every_line_of_a_file_ends_as_the_format_asks() -> None:
    file = calendar_file(
        uid="a@b", title="受付開始" * 30, text="x" * 200, address="https://a.example/", starts_at=AT, now=AT
    )

    assert file.count("\n") == file.count("\r\n")
    assert all(len(line.encode()) <= MOST_OCTETS for line in file.split("\r\n"))
    assert lines_of(file)[0] == "BEGIN:VCALENDAR"
    assert "DTSTART:20270212T180000Z" in lines_of(file)
    assert "TRIGGER:-PT15M" in lines_of(file)
