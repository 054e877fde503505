"""What fans do by REST: read a campaign, register, prove an address, read what is theirs."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from campaigns import lifecycle
from campaigns.models import Campaign, Content, Field
from entries.models import Entry, Message, Submission
from entries.proof import fan_token, link_token, mail_code
from monoql import dev_issuer
from tests import scenario
from tests.api.calling import Api, is_error
from viewers import issuer_keys
from waves import selection
from waves.merkle import verify
from waves.models import Wave

pytestmark = pytest.mark.django_db
ADA = {"email": "Ada@Example.com", "name": "Ada", "choices": ["AZ-PHX", "CA-LAX"], "answers": {"seat": "Floor"}}
REGISTER, CONFIRM, ENTRY = (f"campaigns/aurora/{path}" for path in ("entries/", "entries/confirm/", "entry/"))


def confirmed(api: Api, name: str = "Ada", **form: Any) -> str:
    """A fan registers and proves her address; the header that shows her entry."""
    email = f"{name.lower()}@example.com"
    assert api.post(REGISTER, {**ADA, "email": email, "name": name, **form}).status == 202
    entry = Entry.objects.get(identifier=email)
    answer = api.post(CONFIRM, {"token": link_token(entry_id=entry.pk)})
    assert answer.status == 200
    return f"Bearer {answer.body['fan_token']}"


def test_everybody_may_read_a_campaign(api: Api, tour: Campaign) -> None:
    answer = api.get("campaigns/aurora/")

    body = answer.body
    assert (body["domain"], body["status"], body["accepts_entries"]) == ("aurora", "open", True)
    assert body["artist"]["name"] == "Aurora Vale"
    assert [market["code"] for market in body["markets"]] == ["CA-LAX", "AZ-PHX"]
    assert [event["code"] for event in body["markets"][1]["events"]] == ["AZ-PHX-1", "AZ-PHX-2"]
    assert [field["key"] for field in body["fields"]] == ["seat"]
    assert len(body["commitments"]) == 32
    assert len(body["signing_key"]) == 64
    assert not {"readiness", "population_limit", "show_access_code"} & {*body, *body["markets"][0]}


def test_what_everybody_may_read_is_kept_until_it_changes(api: Api, tour: Campaign) -> None:
    answer = api.get("campaigns/aurora/")
    Campaign.objects.update(close_at=timezone.now() + timedelta(seconds=5))
    before_close = api.get("campaigns/aurora/")

    assert answer.headers["Cache-Control"] == "public, max-age=5"
    assert {"Accept-Language", "Cookie", "Authorization"} <= set(answer.headers["Vary"].split(", "))
    assert before_close.headers["Cache-Control"] in ("public, max-age=4", "public, max-age=5")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("query", "accepts", "locale", "title"),
    [
        ("", "", "en_US", "Aurora Vale on tour"),
        ("?locale=de_DE", "", "de_DE", "Aurora Vale auf Tournee"),
        ("?locale=ar_EG", "", "ar_EG", "Aurora Vale on tour"),
        ("", "de-AT,en;q=0.5", "de_DE", "Aurora Vale auf Tournee"),
        ("?locale=xx_XX", "de", "de_DE", "Aurora Vale auf Tournee"),
        ("?locale=%00", "*", "en_US", "Aurora Vale on tour"),
    ],
)
def test_the_texts_are_in_the_fans_locale(
    api: Api, tour: Campaign, query: str, accepts: str, locale: str, title: str
) -> None:
    answer = api.get(f"campaigns/aurora/{query}", accept_language=accepts)

    assert (answer.body["locale"], answer.body["texts"]["title"]) == (locale, title)
    assert answer.headers["Content-Language"] == locale.replace("_", "-")
    titles = {text["locale"]: text["value"]["title"] for text in answer.body["localized"]}
    assert titles == {
        "en_US": "Aurora Vale on tour",
        "de_DE": "Aurora Vale auf Tournee",
        "ar_EG": "Aurora Vale on tour",
    }


def test_labels_of_questions_and_options_are_in_the_fans_language(api: Api, tour: Campaign) -> None:
    options = [{"value": "floor", "labels": {"en": "Floor", "de": "Innenraum"}}, {"value": "tier"}]
    Field.objects.create(
        campaign=tour, number=2, key="area", type="dropdown", label_en="Area", label_de="Bereich", options=options
    )

    german, arabic = (api.get(f"campaigns/aurora/?locale={code}").body["fields"][1] for code in ("de_DE", "ar_EG"))

    assert german["label"] == "Bereich"
    assert german["options"] == [{"value": "floor", "label": "Innenraum"}, {"value": "tier", "label": "tier"}]
    assert arabic["label"] == "Area"
    assert arabic["options"][0]["label"] == "Floor"


def test_mails_and_limits_are_nobodys_business(api: Api, tour: Campaign) -> None:
    Content.objects.update(selected_body="secret words", not_selected_subject="secret words")

    assert "secret words" not in json.dumps(api.get("campaigns/aurora/").body)


def test_every_registration_is_answered_alike(api: Api, tour: Campaign) -> None:
    first, second = api.post(REGISTER, ADA), api.post(REGISTER, {**ADA, "email": " ada@EXAMPLE.com ", "name": "Eve"})
    confirmed(api)
    third = api.post(REGISTER, ADA)

    assert [answer.status for answer in (first, second, third)] == [202] * 3
    assert first.body == second.body == third.body == {"status": "check_your_mail"}
    assert first.headers == second.headers == third.headers
    assert Entry.objects.get().name == "Ada"
    assert Submission.objects.count() == 2 + 1


def test_what_is_wrong_stands_beside_its_field_in_the_fans_language(api: Api, tour: Campaign) -> None:
    wrong = {"email": "nobody", "name": " ", "phone": "12", "choices": ["CA-LAX", "CA-LAX"], "answers": {"age": 1}}

    english, german = api.post(REGISTER, wrong), api.post(f"{REGISTER}?locale=de_DE", wrong)

    assert is_error(english, 400, "invalid")
    assert set(english.body["errors"]) == {"email", "name", "phone", "choices", "answers.age"}
    assert set(german.body["errors"]) == set(english.body["errors"])
    assert german.headers["Cache-Control"] == "no-store"
    assert not Entry.objects.exists()


def test_a_closed_campaign_takes_nobody(api: Api, tour: Campaign) -> None:
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    assert is_error(api.post(REGISTER, ADA), 409, "not_open")
    assert not api.get("campaigns/aurora/").body["accepts_entries"]


def test_the_mail_speaks_the_locale_that_was_asked_for(api: Api, tour: Campaign) -> None:
    api.post(REGISTER, {**ADA, "email": "a@example.com", "locale": "de_DE"})
    api.post(f"{REGISTER}?locale=ar_EG", {**ADA, "email": "b@example.com"})
    api.post(REGISTER, {**ADA, "email": "c@example.com"}, accept_language="de")

    assert list(Entry.objects.order_by("identifier").values_list("locale", flat=True)) == ["de_DE", "ar_EG", "de_DE"]


def test_registering_costs_a_handful_of_queries(
    api: Api, tour: Campaign, settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.PUBLISHED_SECONDS = 60
    api.post(REGISTER, ADA)

    with django_assert_max_num_queries(3):
        assert api.post(REGISTER, {**ADA, "email": "ben@example.com"}).status == 202


def test_a_followed_link_shows_the_entry(api: Api, tour: Campaign) -> None:
    header = confirmed(api)

    body = api.get(ENTRY, authorization=header).body

    assert (body["email"], body["name"], body["choices"]) == ("ada@example.com", "Ada", ["AZ-PHX", "CA-LAX"])
    assert (body["counts"], body["missing"], body["outcomes"]) == (True, [], [])
    assert body["answers"] == {"seat": "Floor"}


def test_following_a_link_again_changes_nothing(api: Api, tour: Campaign) -> None:
    api.post(REGISTER, ADA)
    token = {"token": link_token(entry_id=Entry.objects.get().pk)}

    first, second = api.post(CONFIRM, token), api.post(CONFIRM, token)

    assert first.body["entry"] == second.body["entry"]
    assert Message.objects.filter(kind="receipt").count() == 1


def test_a_change_counts_once_its_own_link_is_followed(api: Api, tour: Campaign) -> None:
    header = confirmed(api)
    api.post(REGISTER, {**ADA, "choices": ["CA-LAX"]})
    waiting = Submission.objects.get()

    before = api.get(ENTRY, authorization=header).body["choices"]
    api.post(CONFIRM, {"token": link_token(entry_id=waiting.entry_id, submission_id=waiting.pk)})

    assert before == ["AZ-PHX", "CA-LAX"]
    assert api.get(ENTRY, authorization=header).body["choices"] == ["CA-LAX"]


def test_an_entry_says_what_it_lacks(api: Api, tour: Campaign) -> None:
    Campaign.objects.update(requires_phone_confirmation=True)
    header = confirmed(api, phone="+1 213 555 0123")

    body = api.get(ENTRY, authorization=header).body
    Entry.objects.update(phone_confirmed_at=timezone.now(), withdrawn_at=timezone.now())
    withdrawn = api.get(ENTRY, authorization=header).body

    assert (body["counts"], body["missing"]) == (False, ["phone_confirmation"])
    assert (withdrawn["counts"], withdrawn["missing"], withdrawn["is_withdrawn"]) == (False, [], True)


@pytest.mark.parametrize("token", [None, "", 7, True, [], {}, "x", "x:y:z", "é", "x" * 5000, "WzEsMF0:1:2"])
def test_a_link_that_is_not_whole_proves_nothing(api: Api, tour: Campaign, token: object) -> None:
    assert is_error(api.post(CONFIRM, {"token": token}), 400, "bad_link")


def test_a_link_of_another_campaign_proves_nothing(api: Api, tour: Campaign) -> None:
    other = scenario.open_tour(domain="other")
    entry = scenario.register_fan(other, "Ada", ["CA-LAX"], is_confirmed=False)

    assert is_error(api.post(CONFIRM, {"token": link_token(entry_id=entry.pk)}), 400, "bad_link")
    entry.refresh_from_db()
    assert entry.email_confirmed_at is None


@pytest.mark.parametrize("path", [ENTRY, f"{ENTRY}receipt/", f"{ENTRY}receipts/2027-02-01T10:00/"])
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", "Basic eDp5", "Bearer é:1:2", "bearer" * 900])
def test_a_strangers_token_shows_nothing(api: Api, tour: Campaign, path: str, header: str) -> None:
    answer = api.get(path, authorization=header)

    assert is_error(answer, 401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_shows_one_entry_of_one_campaign_and_only_after_the_proof(api: Api, tour: Campaign) -> None:
    other = scenario.open_tour(domain="other")
    header = confirmed(api)
    unproved = scenario.register_fan(tour, "Ben", ["CA-LAX"], is_confirmed=False)

    ben = f"Bearer {fan_token(campaign_id=tour.pk, ref=unproved.ref)}"

    assert is_error(api.get("campaigns/other/entry/", authorization=header), 401, "not_authenticated")
    assert is_error(api.get(ENTRY, authorization=ben), 401, "not_authenticated")
    assert other.entries.count() == 0


def test_a_token_grows_old(api: Api, tour: Campaign) -> None:
    header = confirmed(api)

    with time_machine.travel(timezone.now() + timedelta(days=61), tick=False):
        assert is_error(api.get(ENTRY, authorization=header), 401, "not_authenticated")


def test_the_receipt_is_signed_with_the_published_key(api: Api, tour: Campaign) -> None:
    header = confirmed(api)

    receipt = api.get(f"{ENTRY}receipt/", authorization=header).body

    key = api.get("campaigns/aurora/").body["signing_key"]
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    public.verify(bytes.fromhex(receipt["signature"]), receipt["receipt"].encode())
    assert json.loads(receipt["receipt"])["choices"] == ["AZ-PHX", "CA-LAX"]


@pytest.mark.django_db(transaction=True)
class TestAfterAWave:
    """Ada gets the only code of Los Angeles or Ben does; Cleo never proved her address."""

    def test_each_fan_learns_her_outcome_and_can_prove_her_place(self, api: Api, tour: Campaign) -> None:
        headers = {name: confirmed(api, name, choices=["CA-LAX"]) for name in ("Ada", "Ben")}
        scenario.upload_codes(tour, "CA-LAX", 1)
        wave = scenario.prepare_wave(scenario.make_wave(tour))
        early = api.get(f"{ENTRY}receipts/{wave.date_key}/", authorization=headers["Ada"])
        selected_early = api.get(ENTRY, authorization=headers["Ada"]).body["outcomes"]
        headers["Cleo"] = confirmed(api, "Cleo")
        trigger(wave)

        entries = {name: api.get(ENTRY, authorization=header).body for name, header in headers.items()}

        assert (early.status, selected_early) == (404, [])
        assert [outcome["reason"] for outcome in entries["Cleo"]["outcomes"]] == ["after_freeze"]
        outcomes = [entries[name]["outcomes"][0] for name in ("Ada", "Ben")]
        (winner,) = [outcome for outcome in outcomes if outcome["is_selected"]]
        (loser,) = [outcome for outcome in outcomes if not outcome["is_selected"]]
        assert (winner["market"], winner["choice"], winner["code"]) == ("CA-LAX", 1, "CA-LAX-000000")
        assert (loser["reason"], loser["full_markets"], loser["code"]) == ("markets_full", ["CA-LAX"], "")
        assert [(why["market"], why["choice"], why["because"]) for why in loser["why"]] == [
            ("CA-LAX", 1, "earlier_numbers")
        ]
        assert loser["why"][0]["last_ticket"] < loser["ticket"]
        assert (winner["ticket"], winner["why"]) == ("", [])

        receipts = [
            api.get(f"{ENTRY}receipts/{wave.date_key}/", authorization=headers[name]).body for name in ("Ada", "Ben")
        ]
        assert {receipt["outcome"] for receipt in receipts} == {"placed", "markets_full"}
        for receipt in receipts:
            assert ("position" in receipt) == (receipt["outcome"] == "placed")
            assert is_proved(receipt)
        assert api.get(f"{ENTRY}receipts/{wave.date_key}/", authorization=headers["Cleo"]).status == 404
        assert api.get(f"{ENTRY}receipts/2027-02-01T11:00/", authorization=headers["Ada"]).status == 404

        Campaign.objects.update(show_access_code=False)
        hidden = [api.get(ENTRY, authorization=headers[name]).body["outcomes"][0]["code"] for name in ("Ada", "Ben")]
        assert hidden == ["", ""]

    def test_a_place_that_was_voided_stays_in_the_receipt(self, api: Api, tour: Campaign) -> None:
        header = confirmed(api, choices=["CA-LAX"])
        scenario.upload_codes(tour, "CA-LAX", 1)
        wave = scenario.prepare_wave(scenario.make_wave(tour))
        Entry.objects.update(blocked_at=timezone.now())
        trigger(wave)

        entry = api.get(ENTRY, authorization=header).body
        receipt = api.get(f"{ENTRY}receipts/{wave.date_key}/", authorization=header).body

        assert [(outcome["reason"], outcome["code"]) for outcome in entry["outcomes"]] == [("voided", "")]
        assert (receipt["outcome"], receipt["market"], receipt["event"], receipt["position"]) == (
            "placed",
            "CA-LAX",
            "",
            1,
        )


def trigger(wave: Wave) -> None:
    """An operator triggers a wave, and it completes."""
    selection.trigger(wave=wave, actor=scenario.SUPREME, now=timezone.now())
    scenario.run_jobs()


def is_proved(receipt: dict[str, Any]) -> bool:
    """Whether a receipt's line stands under its root."""
    return verify(
        line=receipt["line"].encode(),
        index=receipt["index"],
        entries=receipt["entries"],
        proof=receipt["proof"],
        root=receipt["root"],
    )


def test_a_fan_changes_withdraws_and_enters_again(api: Api, tour: Campaign) -> None:
    known = {"Authorization": confirmed(api)}
    ref = api.get(ENTRY, **known).body["ref"]

    changed = api.put(ENTRY, {"email": "mallory@example.com", "name": "Ada L.", "choices": ["CA-LAX"]}, **known)
    assert (changed.status, changed.body["name"], changed.body["choices"]) == (200, "Ada L.", ["CA-LAX"])
    assert (changed.body["email"], changed.body["ref"]) == ("ada@example.com", ref)
    gone = api.delete(ENTRY, **known)
    assert (gone.status, gone.body["is_withdrawn"], gone.body["counts"]) == (200, True, False)
    again = api.put(ENTRY, {**ADA}, **known)
    assert (again.body["is_withdrawn"], again.body["counts"], again.body["ref"]) == (False, True, ref)


def test_nothing_is_changed_or_withdrawn_after_the_close(api: Api, tour: Campaign) -> None:
    known = {"Authorization": confirmed(api)}
    lifecycle.close_campaign(campaign=tour, actor=scenario.SUPREME, now=timezone.now())

    for answer in (api.put(ENTRY, {**ADA}, **known), api.delete(ENTRY, **known)):
        assert is_error(answer, 409, "not_open")


def test_a_code_proves_an_address_as_the_link_does(api: Api, tour: Campaign) -> None:
    api.post(REGISTER, ADA)
    message = Message.objects.get()
    code = mail_code(entry_id=message.entry_id, message_id=message.pk)

    wrong = api.post(CONFIRM, {"code": "12", "email": "ada@example.com"})
    right = api.post(CONFIRM, {"code": code, "email": "Ada@example.com"})

    assert is_error(wrong, 400, "wrong_code")
    assert (right.status, right.body["entry"]["counts"]) == (200, True)


def test_a_link_is_promised_to_anybody(api: Api, tour: Campaign) -> None:
    confirmed(api)

    answers = [api.post(f"{REGISTER}link/", {"email": email}) for email in ("ada@example.com", "bob@example.com")]

    assert [(answer.status, answer.body) for answer in answers] == [(202, {"status": "check_your_mail"})] * 2
    assert Message.objects.filter(kind="link").count() == 1


def test_a_fan_with_an_account_registers_and_signs_in(
    api: Api, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DEVELOPMENT = True
    settings.OUTSIDE_ISSUERS = (dev_issuer.issuer(),)
    monkeypatch.setattr(issuer_keys, "fetched", lambda _address: json.dumps(dev_issuer.public_keys()).encode())
    issuer_keys.forget_keys()
    scenario.open_tour(domain="account", identifier_type="globalUserId")
    token = dev_issuer.mint(subject="4711", kind="id", now=timezone.now(), email="ada@example.com", email_verified=True)
    path = "campaigns/account/entries/"

    nobody = api.post(path, {"name": "Ada", "choices": ["CA-LAX"], "email": "ada@example.com"})
    before = api.post(f"{path}sign-in/", {"id_token": token})
    taken = api.post(path, {"id_token": token, "name": "Ada", "choices": ["CA-LAX"]})
    after = api.post(f"{path}sign-in/", {"id_token": token})

    assert is_error(nobody, 401, "not_signed_in")
    assert is_error(before, 404, "not_found")
    assert taken.status == 202
    assert (after.status, after.body["entry"]["email"], after.body["entry"]["counts"]) == (200, "ada@example.com", True)
    known = {"Authorization": f"Bearer {after.body['fan_token']}"}
    assert api.get("campaigns/account/entry/", **known).status == 200
    assert is_error(api.post(f"{path}sign-in/", {"id_token": "nonsense"}), 401, "authentication_failed")
    assert "Sign in again" in api.get("campaigns/account/entry/").body["message"]
    assert "Sign in to open" in api.post(f"{path}confirm/", {"token": "nonsense"}).body["message"]
    assert is_error(api.post(f"{path}link/", {"email": "ada@example.com"}), 401, "not_signed_in")


def test_consents_are_shown_with_time_and_words(api: Api, tour: Campaign) -> None:
    Campaign.objects.update(minimum_age=16)
    known = {"Authorization": confirmed(api, is_old_enough=True)}

    consents = api.get(ENTRY, **known).body["consents"]

    assert consents["_age"]["text"] == "I am 16 years old or older."
