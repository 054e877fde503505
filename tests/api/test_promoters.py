"""Promoters and trackers by REST, and what everybody learns of them."""

import pytest

from campaigns.models import Campaign, Locale, Promoter, Tracker
from core.models import AuditEvent
from tests.api.calling import Api, is_error

pytestmark = pytest.mark.django_db
TOUR = "campaigns/aurora/"


def test_a_promoter_is_made_with_its_policies_which_are_replaced_whole(staff: Api) -> None:
    for code in ("en_US", "de_DE"):
        Locale.objects.create(code=code, name=code)
    policies = {"en_US": "https://p.example/en", "de_DE": "https://p.example/de"}

    made = staff.post("promoters/", {"name": "P", "privacy_url": "https://p.example/", "policies": policies})
    changed = staff.patch(f"promoters/{made.body['id']}/", {"policies": {"de_DE": "https://p.example/neu"}})
    kept = staff.patch(f"promoters/{made.body['id']}/", {"name": "Q"})

    assert (made.status, made.body["policies"]) == (201, policies)
    assert changed.body["policies"] == kept.body["policies"] == {"de_DE": "https://p.example/neu"}
    assert staff.get("promoters/").body["results"][0]["name"] == "Q"
    event = AuditEvent.objects.filter(action="promoter.update").order_by("pk")[0]
    assert event.changes == {
        "policy de_DE": ["https://p.example/de", "https://p.example/neu"],
        "policy en_US": ["https://p.example/en", None],
    }


@pytest.mark.parametrize(
    "wrong", [7, [], {"xx_XX": "https://p.example/"}, {"en_US": "nowhere"}, {"en_US": 7}, {"en_US": ""}, {"\0": "x"}]
)
def test_policies_that_there_cannot_be_are_refused(staff: Api, wrong: object) -> None:
    Locale.objects.create(code="en_US", name="English")

    answer = staff.post("promoters/", {"name": "P", "policies": wrong})

    assert answer.status == 400
    assert not Promoter.objects.exists()


def test_a_tracker_is_made_and_taken_out_of_use(staff: Api) -> None:
    made = staff.post("trackers/", {"name": "Tag", "kind": "gtm", "identifier": "GTM-AB12"})

    assert made.status == 201
    assert staff.patch(f"trackers/{made.body['id']}/", {"is_active": False}).body["is_active"] is False
    assert is_error(staff.post("trackers/", {"name": "Tag", "kind": "gtm"}), 400, "invalid")
    assert is_error(staff.post("trackers/", {"name": "Tag", "kind": "gtm", "identifier": "GTM-AB12"}), 400, "invalid")
    assert is_error(staff.post("trackers/", {"name": "T", "kind": "pixel", "url": "javascript:1"}), 400, "invalid")


def test_a_campaign_names_its_promoter_and_trackers(staff: Api, tour: Campaign) -> None:
    tag = Tracker.objects.create(name="Tag", kind="ga4", identifier="G-1")
    promoter = Promoter.objects.create(name="Other", privacy_url="https://o.example/")

    changed = staff.patch(TOUR, {"promoter": promoter.pk, "trackers": [tag.pk]})

    assert (changed.body["promoter"], changed.body["trackers"]) == (promoter.pk, [tag.pk])
    assert is_error(staff.patch(TOUR, {"promoter": 10**9}), 400, "invalid")
    assert AuditEvent.objects.get(action="campaign.update").changes == {
        "promoter": [tour.promoter_id, promoter.pk],
        "trackers": [[], [str(tag.pk)]],
    }


def test_everybody_learns_the_promoter_the_policy_in_her_locale_and_the_tags_in_use(api: Api, tour: Campaign) -> None:
    used = Tracker.objects.create(name="For staff alone", kind="pixel", url="https://t.example/i.gif")
    tour.trackers.add(used, Tracker.objects.create(name="Old", kind="ga4", identifier="G-1", is_active=False))

    english, german = (api.get(f"{TOUR}?locale={locale}").body for locale in ("en_US", "de_DE"))

    assert english["promoter"] == {"name": "Sunset Concerts", "privacy_url": "https://sunset.example/privacy"}
    assert german["promoter"]["privacy_url"] == "https://sunset.example/datenschutz"
    assert english["trackers"] == [{"kind": "pixel", "identifier": "", "url": "https://t.example/i.gif"}]


def test_without_a_promoter_nothing_is_said(api: Api, tour: Campaign) -> None:
    Campaign.objects.filter(pk=tour.pk).update(promoter=None)

    body = api.get(TOUR).body

    assert (body["promoter"], body["trackers"]) == (None, [])
