"""The first page of an installation."""

from django.test import Client
from pytest_django import Settings

from campaigns.models import Campaign
from tests import scenario


def test_a_newcomer_finds_campaigns_admin_mails_and_the_api(client: Client, tour: Campaign) -> None:
    page = client.get("/").content.decode()

    for address in ("/c/aurora/", "http://aurora.localhost:8000/", "/admin/", "/mail/", "/api/docs/", "/api/schema/"):
        assert f'href="{address}"' in page or f'{address}"' in page


def test_what_is_still_prepared_shows_on_a_development_machine_alone(
    client: Client, db: None, settings: Settings
) -> None:
    scenario.make_tour(domain="secret")
    seen = client.get("/").content.decode()
    settings.DEVELOPMENT = False
    hidden = client.get("/").content.decode()

    assert "/c/secret/" in seen
    assert "/c/secret/" not in hidden
    assert "/admin/" not in hidden


def test_an_empty_installation_says_so(client: Client, db: None) -> None:
    assert "There is no campaign to see at the moment." in client.get("/").content.decode()
