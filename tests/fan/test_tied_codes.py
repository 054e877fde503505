"""Codes that are tied to an account: shown to whoever has signed in with it, to no mailed link and in no mail."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign, Content
from campaigns.published import published
from codes.models import Pool
from entries.fan_sign_in import Account
from entries.form import Form
from entries.models import Entry, Message
from entries.own_entry import register_account
from entries.proof import fan_token, is_signed_in_by, link_token, read_fan_token
from tests import scenario
from tests.fan.conftest import draw
from waves import by_hand

pytestmark = pytest.mark.django_db(transaction=True)
CODE = "VF7K-000000"
Mails = Callable[[], list[mail.EmailMultiAlternatives]]


@pytest.fixture
def ada(tour: Campaign) -> Entry:
    """Ada, whom the campaign knows by her account and who has the only code, which is tied to it."""
    Campaign.objects.filter(pk=tour.pk).update(identifier_type="globalUserId")
    tour.refresh_from_db()
    form = Form(account=Account(id="fan-1", email="ada@example.com"), name="Ada", choices=["CA-LAX"])
    entry = register_account(published=published(tour.domain), form=form, now=timezone.now())
    Message.objects.all().delete()
    draw(tour)
    Pool.objects.update(is_tied_to_account=True)
    return Entry.objects.get(pk=entry.pk)


def page(entry: Entry, *, is_signed_in: bool) -> str:
    """Her page in a browser that knows her by her account, or by a mailed link."""
    client = Client()
    token = fan_token(campaign_id=entry.campaign_id, ref=entry.ref, is_signed_in=is_signed_in)
    client.cookies["monoql_fan"] = token
    answer = client.get("/c/aurora/entry/")
    assert answer.status_code == 200
    return answer.content.decode()


def outcome(entry: Entry, *, is_signed_in: bool) -> dict[str, object]:
    """The same by REST."""
    token = fan_token(campaign_id=entry.campaign_id, ref=entry.ref, is_signed_in=is_signed_in)
    answer = Client().get("/api/v1/campaigns/aurora/entry/", headers={"authorization": f"Bearer {token}"})
    found: dict[str, object] = answer.json()["outcomes"][0]
    return found


def test_her_account_sees_the_code_and_a_mailed_link_the_way_to_it(ada: Entry) -> None:
    assert CODE in page(ada, is_signed_in=True)

    by_link = page(ada, is_signed_in=False)
    assert CODE not in by_link
    assert "Sign in with it to see the code." in by_link
    assert 'href="/c/aurora/sign-in/"' in by_link


def test_a_mailed_link_that_is_followed_shows_no_code(ada: Entry) -> None:
    client = Client()

    client.post(f"/c/aurora/confirm/{link_token(entry_id=ada.pk)}/")

    answer = client.get("/c/aurora/entry/").content.decode()
    assert "You were drawn" in answer
    assert CODE not in answer


def test_the_same_by_rest(ada: Entry) -> None:
    signed_in, by_link = outcome(ada, is_signed_in=True), outcome(ada, is_signed_in=False)

    assert (signed_in["code"], signed_in["is_tied_to_account"]) == (CODE, True)
    assert (by_link["code"], by_link["is_tied_to_account"]) == ("", True)


def test_no_mail_has_it(ada: Entry, tour: Campaign, sent_mails: Mails) -> None:
    scenario.upload_codes(tour, "CA-LAX", 3, prefix="VF7K-B")
    scenario.run_jobs()
    by_hand.replace(
        assignment=by_hand.codes_of(ada)[0].assignment, reason="x", actor=scenario.SUPREME, now=timezone.now()
    )

    letters = sent_mails()

    assert [letter.subject for letter in letters] == [
        "You have been drawn: Aurora Vale on tour",
        "Your new code: Aurora Vale on tour",
    ]
    text = "".join(f"{letter.subject}{letter.body}{letter.alternatives}" for letter in letters)
    assert "VF7K" not in text
    assert text.count("Sign in with it to see the code.") == 4
    assert "your code for Los Angeles – Los Angeles Stadium is on your page, once you have signed in." in text


def test_her_own_page_shows_it_though_other_codes_are_told_in_mails_alone(ada: Entry) -> None:
    Campaign.objects.update(show_access_code=False)
    Content.objects.filter(locale_id="en_US").update(selected="Your code: {code}")

    assert CODE in page(ada, is_signed_in=True)
    assert CODE not in page(ada, is_signed_in=False)


def test_an_untied_code_is_shown_by_any_proof(ada: Entry) -> None:
    Pool.objects.update(is_tied_to_account=False)

    assert CODE in page(ada, is_signed_in=False)


def test_a_campaign_that_knows_fans_by_mail_takes_the_mail_as_the_account(ada: Entry) -> None:
    Campaign.objects.update(identifier_type="email")

    assert CODE in page(ada, is_signed_in=False)


def test_a_token_says_how_its_fan_came(ada: Entry) -> None:
    plain = fan_token(campaign_id=ada.campaign_id, ref=ada.ref)
    marked = fan_token(campaign_id=ada.campaign_id, ref=ada.ref, is_signed_in=True)

    for token in (plain, marked):
        assert read_fan_token(token, campaign_id=ada.campaign_id) == ada.ref
        assert read_fan_token(token, campaign_id=ada.campaign_id + 1) is None
    assert is_signed_in_by(marked, campaign_id=ada.campaign_id)
    assert not is_signed_in_by(plain, campaign_id=ada.campaign_id)
    assert not is_signed_in_by(marked, campaign_id=ada.campaign_id + 1)
    assert not is_signed_in_by(f"{marked}x", campaign_id=ada.campaign_id)


def window(entry: Entry) -> list[datetime]:
    """When her code opens the presale, by REST."""
    found = outcome(entry, is_signed_in=True)
    return [datetime.fromisoformat(str(found[name])) for name in ("presale_start_at", "presale_end_at")]


def test_a_pool_has_a_presale_of_its_own(ada: Entry) -> None:
    start = timezone.now()
    end = start + timedelta(days=2)
    campaign = Campaign.objects.get()
    assert window(ada) == [campaign.presale_window_start_at, campaign.presale_window_end_at]

    Pool.objects.update(presale_start_at=start, presale_end_at=end)
    assert window(ada) == [start, end]

    Pool.objects.update(presale_end_at=None)
    assert window(ada) == [start, campaign.presale_window_end_at]


def test_the_operators_words_name_the_window_of_her_pool(ada: Entry) -> None:
    Content.objects.filter(locale_id="en_US").update(selected="Between {presale}.")
    start = datetime(2031, 5, 3, 17, 0, tzinfo=UTC)
    Pool.objects.update(presale_start_at=start, presale_end_at=start + timedelta(days=1))

    assert re.search(r"Between [^<]*May 3, 2031", page(ada, is_signed_in=True))


def test_a_gift_stands_on_her_page_without_a_draw(ada: Entry, tour: Campaign) -> None:
    scenario.upload_codes(tour, "CA-LAX", 1, prefix="GIFT")
    pool = Pool.objects.select_related("market__venue", "event").get()
    by_hand.give(entry=ada, pool=pool, reason="x", actor=scenario.SUPREME, now=timezone.now())

    found = page(ada, is_signed_in=True)

    assert "You have a code for Los Angeles." in found
    assert ">GIFT-000000</code>" in found
    assert found.count("Receipt of the draw") == 1
    assert outcome(ada, is_signed_in=True)["wave"] == ""
