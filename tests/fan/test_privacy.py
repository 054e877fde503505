"""Whose privacy policy a fan finds on every page, and when a campaign may not open without."""

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import lifecycle, readiness
from campaigns.lifecycle import CannotOpenCampaign
from campaigns.models import Campaign, PrivacyPolicy
from tests import scenario
from tests.fan.conftest import sign_in

pytestmark = pytest.mark.django_db
ENGLISH, GERMAN = "https://sunset.example/privacy", "https://sunset.example/datenschutz"
LOCALES = ("en_US", "de_DE", "ar_EG")


def test_the_policy_stands_in_the_footer_of_every_page_and_beside_the_button(client: Client, tour: Campaign) -> None:
    ada = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    pages = {"": 2, "check-mail/": 1, "entry/": 1, "entry/change/": 2, "confirm/nonsense/": 1}
    sign_in(client, ada)

    for page, count in pages.items():
        text = client.get(f"/c/aurora/{page}?locale=de_DE").content.decode()
        assert text.count(f'<a href="{GERMAN}" rel="noopener nofollow">Datenschutzerklärung</a>') == count, page
        assert "Sunset Concerts" in text


def test_a_refused_form_and_a_closed_page_show_it_too(client: Client, tour: Campaign) -> None:
    refused = client.post("/c/aurora/", {"email": "x"}).content.decode()
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())
    closed = client.get("/c/aurora/").content.decode()

    assert (refused.count(ENGLISH), closed.count(ENGLISH)) == (2, 1)


def test_without_a_promoter_there_is_no_empty_link(client: Client, tour: Campaign) -> None:
    Campaign.objects.filter(pk=tour.pk).update(promoter=None)

    assert "Privacy policy" not in client.get("/c/aurora/").content.decode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(own=st.sets(st.sampled_from(LOCALES)), general=st.sampled_from(["", ENGLISH]))
def test_any_mixture_of_addresses_gives_the_right_one(own: set[str], general: str, tour: Campaign) -> None:
    promoter = tour.promoter
    assert promoter is not None
    promoter.privacy_url = general
    promoter.save()
    promoter.policies.all().delete()
    PrivacyPolicy.objects.bulk_create(
        PrivacyPolicy(promoter=promoter, locale_id=code, url=f"https://x.example/{code}") for code in own
    )
    fresh = type(promoter).objects.get(pk=promoter.pk)

    for code in LOCALES:
        wanted = next((f"https://x.example/{way}" for way in (code, "en_US") if way in own), general)
        assert fresh.privacy_url_in(code, default="en_US") == wanted


def test_a_campaign_opens_only_with_a_promoter_who_has_a_policy_for_the_default_locale(db: None) -> None:
    campaign = scenario.make_tour()
    promoter = campaign.promoter
    assert promoter is not None
    promoter.privacy_url = ""
    promoter.save()

    without_address = [line for line in readiness.lines(campaign, now=timezone.now()) if line.is_red]
    with pytest.raises(CannotOpenCampaign):
        lifecycle.open_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now())
    campaign.promoter = None
    campaign.save()
    without_promoter = [line for line in readiness.lines(campaign, now=timezone.now()) if line.is_red]
    PrivacyPolicy.objects.create(promoter=promoter, locale_id="en_US", url=ENGLISH)
    campaign.promoter = type(promoter).objects.get(pk=promoter.pk)
    campaign.save()

    assert [line.section for line in without_address] == ["privacy"]
    assert [line.section for line in without_promoter] == ["promoter"]
    assert lifecycle.open_campaign(campaign=campaign, actor=scenario.SUPREME, now=timezone.now()).status == "open"
