"""A fanlist: fans join and leave; no cities, no dates, and no word of a draw."""

import re

import pytest
from django.test import Client

from campaigns.models import Campaign
from campaigns.published import published
from entries.models import Entry
from entries.own_entry import confirm
from entries.proof import link_token
from monoql.fan_preview import STATES, link_to
from tests import scenario
from tests.fan.conftest import sign_in

WORDS_OF_DRAWS = re.compile(r"\b(draw|draws|drawn|cities|city|presale|code|codes|receipt|closes)\b", re.IGNORECASE)
FORM = {"email": "ada@example.com", "name": "Ada Lovelace"}


@pytest.fixture
def fanlist(db: None) -> Campaign:
    """The list of Aurora Vale's fans, open."""
    campaign = scenario.open_tour()
    campaign.contents.update(open="")
    campaign.markets.all().delete()
    Campaign.objects.filter(pk=campaign.pk).update(
        type="fanlist",
        open_at=None,
        close_at=None,
        finish_at=None,
        presale_window_start_at=None,
        presale_window_end_at=None,
    )
    campaign.refresh_from_db()
    return campaign


def words_of(page: str) -> str:
    """What a fan reads of a page."""
    main = page.partition('<main id="main">')[2].partition("</main>")[0]
    return re.sub(r"<[^>]*>", " ", main)


def join(client: Client, campaign: Campaign) -> Entry:
    """Ada joins and follows her link."""
    assert client.post(f"/c/{campaign.domain}/", FORM).status_code == 303
    entry = Entry.objects.get(campaign=campaign)
    found = published(campaign.domain)
    return confirm(published=found, token=link_token(entry_id=entry.pk), now=entry.created_at)


def test_a_fan_joins_with_her_address_alone_and_leaves(client: Client, fanlist: Campaign, base: str) -> None:
    landing = client.get(base).content.decode()
    entry = join(client, fanlist)
    sign_in(client, entry)
    own = client.get(f"{base}entry/").content.decode()
    client.post(f"{base}entry/withdraw/")
    left = client.get(f"{base}entry/").content.decode()

    assert "Join the list" in landing
    assert 'name="choices"' not in landing
    assert entry.choices == []
    assert "You are on the list." in own
    assert "You have left the list." in left
    entry.refresh_from_db()
    assert entry.withdrawn_at is not None


def test_no_page_of_a_list_speaks_of_draws_cities_or_dates(client: Client, fanlist: Campaign, base: str) -> None:
    pages = [client.get(base)]
    entry = join(client, fanlist)
    pages.append(Client().get(f"{base}confirm/{link_token(entry_id=entry.pk)}/"))
    sign_in(client, entry)
    pages += [client.get(f"{base}{path}") for path in ("entry/", "entry/change/", "entry/withdraw/")]

    for page in pages:
        assert page.status_code == 200
        assert WORDS_OF_DRAWS.findall(words_of(page.content.decode())) == []


def test_a_list_that_is_closed_or_over_says_so(client: Client, fanlist: Campaign) -> None:
    for state in STATES:
        if state in ("closed", "finished", "not_started", "registered"):
            text = words_of(client.get(link_to(fanlist, "en_US", state)).content.decode())
            assert WORDS_OF_DRAWS.findall(text) == [], state
