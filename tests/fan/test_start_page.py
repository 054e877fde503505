"""The first page of an installation."""

from django.test import Client
from pytest_django import Settings

from campaigns.models import Campaign
from tests import scenario
from viewers.models import Staff


def test_a_newcomer_finds_campaigns_admin_mails_and_the_api(client: Client, tour: Campaign) -> None:
    page = client.get("/").content.decode()

    for address in ("/c/aurora/", "http://aurora.localhost:8000/", "/admin/", "/mail/", "/api/docs/", "/api/schema/"):
        assert f'href="{address}"' in page or f'{address}"' in page


def test_outside_development_it_leads_to_no_admin(client: Client, db: None, settings: Settings) -> None:
    settings.DEVELOPMENT = False

    assert "/admin/" not in client.get("/").content.decode()


def test_what_is_still_prepared_is_nobody_elses_business(client: Client, supreme: Staff, clerk: Staff) -> None:
    campaign = scenario.make_tour(domain="secret")
    addresses = ("/c/secret/", "/c/secret/entry/", "/api/v1/campaigns/secret/")

    assert "/c/secret/" not in client.get("/").content.decode()
    assert [client.get(address).status_code for address in addresses] == [404, 404, 404]
    client.force_login(clerk)
    assert client.get("/c/secret/").status_code == 404
    client.force_login(supreme)
    seen = client.get("/c/secret/")
    assert (seen.status_code, seen.headers["Cache-Control"]) == (200, "no-store")
    client.logout()
    Campaign.objects.filter(pk=campaign.pk).update(is_released=True)
    assert "/c/secret/" in client.get("/").content.decode()
    assert [client.get(address).status_code for address in addresses] == [200, 200, 200]


def test_an_empty_installation_says_so(client: Client, db: None) -> None:
    assert "There is no campaign to see at the moment." in client.get("/").content.decode()
