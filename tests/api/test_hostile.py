"""Whatever is sent to any address, the answer is never our own fault, and a refusal has the one shape."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pytest_django import Settings

from campaigns.api.page_parts import decoding
from campaigns.models import Campaign, Faq, Venue
from codes.models import Hold, Pool, Upload
from codes.upload import draft_upload
from core.throttling import fan_requests
from entries.models import Entry
from entries.proof import fan_token
from tests import scenario
from tests.api.addresses import addresses
from tests.api.calling import Answer, Api, has_messages, read, url
from waves.models import Wave

pytestmark = pytest.mark.django_db
DEEP = json.loads("[" * 200 + "]" * 200)
HOSTILE: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    -(2**63),
    1e300,
    "",
    " ",
    "\x00",
    "\ud800",
    "\u202e\ufeff\x7f",
    "x" * 20_000,
    "9" * 5_000,
    "'; DROP TABLE campaigns_campaign; --",
    "{{ 7 * 7 }} %s %(x)s {0}",
    "../../etc/passwd",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2027-02-01T10:00",
    [],
    [[]],
    [None],
    [{}],
    ["CA-LAX", 1],
    list(range(500)),
    {},
    {"": None},
    {"en": {"a": "b"}},
    {"CA-LAX": 1e9},
    DEEP,
]
TEXTS = [value for value in HOSTILE if isinstance(value, str) and len(value) < 1000 and value != "\ud800"]


def bodies() -> dict[str, dict[str, Any]]:
    """A good body for each address that takes one, by method and path; each of its values is then spoilt in turn."""
    campaign = {
        "type": "registration",
        "name": "New",
        "artist": 1,
        "domain": "new",
        "is_released": False,
        "reference_timezone": "UTC",
        "open_at": "2027-01-01T00:00:00Z",
        "locales": ["en_US"],
        "default_locale": "en_US",
        "identifier_type": "email",
        "category_id": "",
        "requires_phone_confirmation": False,
        "minimum_age": 16,
        "nothing": 1,
    }
    venue = {"name": "Hall", "address": "", "city": "A", "state": "", "country": "US", "timezone": "UTC"}
    event = {
        "code": "NEW-1",
        "number": 1,
        "name": "",
        "starts_at": "2027-06-01T00:00:00Z",
        "presale_at": None,
        "link": "",
    }
    options = [{"value": "a", "labels": {"en": "A"}}]
    field = {"key": "new", "number": 9, "type": "text", "label": "New", "help_text": "", "is_required": False}
    market = {"code": "NEW", "venue": 1, "population_limit": 5, "split": "concurrent", "link": "", "is_active": True}
    return {
        "POST auth/": {"token": "x.y.z", "kind": "access"},
        "POST artists/": {"name": "A", "discovery_id": "", "image": "", "fan_club_name": ""},
        "POST venues/": {**venue, "latitude": 1, "longitude": 1, "translations": {"de": {"city": "A"}}},
        "POST promoters/": {"name": "A", "privacy_url": "", "policies": {"en_US": "https://x.example/"}},
        "POST trackers/": {"name": "A", "kind": "ga4", "identifier": "G-A", "url": "", "is_active": True},
        "POST locales/": {"code": "xx_XX", "name": "X", "direction": "ltr", "is_active": True},
        "POST campaigns/": campaign,
        "PATCH campaigns/aurora/": campaign,
        "POST campaigns/aurora/open/": {"reason": "A"},
        "POST campaigns/aurora/markets/": {**market, "events": [event]},
        "PATCH campaigns/aurora/markets/CA-LAX/": market,
        "POST campaigns/aurora/fields/": {**field, "options": options, "translations": {"de": {"label": "A"}}},
        "PATCH campaigns/aurora/fields/seat/": {"is_personal": True, "options": options},
        "POST campaigns/aurora/gates/": {"number": 1, "kind": "card_type", "provider": "sandbox", "wanted": "visa"},
        "PATCH campaigns/aurora/gates/1/": {
            "wanted": "visa",
            "is_active": True,
            "translations": {"de": {"message": "A"}},
        },
        "POST campaigns/aurora/faqs/": {
            "locale": "en_US",
            "page": "landing",
            "number": 1,
            "question": "When?",
            "answer": "<p>Soon, {artist}</p>",
        },
        "PATCH campaigns/aurora/faqs/1/": {"number": 2, "question": "When?", "answer": "Soon", "page": "landing"},
        "PUT campaigns/aurora/contents/en_US/": {"title": "A", "open": "B", "nothing": 1},
        "POST campaigns/aurora/entries/": {
            "email": "ada@example.com",
            "name": "Ada",
            "phone": "+1 213 555 0123",
            "choices": ["CA-LAX"],
            "answers": {"seat": "A"},
            "locale": "en_US",
        },
        "POST campaigns/aurora/entry/phone/": {"number": "+1 213 555 0123"},
        "POST campaigns/aurora/entry/phone/confirm/": {"code": "123456"},
        "POST campaigns/aurora/entries/confirm/": {"token": "x", "code": "1", "email": "a@b.example", "member_id": "1"},
        "POST campaigns/aurora/entries/link/": {"email": "ada@example.com", "member_id": "1"},
        "POST campaigns/aurora/entries/sign-in/": {"id_token": "x"},
        "PUT campaigns/aurora/entry/": {
            "email": "ada@example.com",
            "member_id": "1",
            "name": "Ada",
            "choices": ["CA-LAX"],
            "answers": {"seat": "A"},
            "is_old_enough": True,
        },
        "POST waves/": {"campaign": "aurora", "local": "2027-02-01T10:00", "is_second": False, "name": ""},
        "POST waves/1/prepare/": {
            "code_type": "presale",
            "ranking": ["score"],
            "score_tier": 10,
            "score_min": 0,
            "score_max": 9,
            "audience": "all",
            "reassign": False,
            "public_source": "",
            "limits": {"CA-LAX": 1},
        },
        "POST waves/auditors/": {"campaign": "aurora", "name": "A", "expires_at": "2027-01-01T00:00:00Z"},
        "PATCH waves/1/": {"name": "A", "is_automatic": True},
        "POST waves/1/put-off/": {"local": "2027-02-02T10:00", "is_second": None},
        "POST waves/1/retime/": {"local": "2027-02-02T10:00", "is_second": None},
        "POST waves/1/public-value/": {"value": "A"},
        "PATCH waves/1/mails/": {"tells_not_selected": True, "mails_a_minute": 9},
        "POST waves/1/abandon/": {"reason": "A"},
        "POST exports/": {"campaign": "aurora", "dataset": "entries", "wave": 1},
        "PATCH codes/pools/1/": {
            "is_tied_to_account": True,
            "presale_start_at": "2027-02-01T00:00:00Z",
            "presale_end_at": None,
            "min_length": 1,
            "max_length": 9,
            "alphabet": "ABC",
            "pattern": "[A-Z]+",
        },
        "POST codes/holds/": {
            "campaign": "aurora",
            "code_type": "presale",
            "purpose": "A",
            "expires_at": "2027-01-01T00:00:00Z",
            "parts": [{"pool": 1, "codes": 1}],
        },
        "POST codes/holds/1/extend/": {"expires_at": "2027-01-01T00:00:00Z"},
        "POST codes/revoke/": {"campaign": "aurora", "code": "A", "reason": "B"},
        "POST codes/replace/": {"campaign": "aurora", "code": "A", "reason": "B"},
        "POST codes/redemptions/": {
            "campaign": "aurora",
            "codes": [{"code": "A", "redeemed_at": "2027-02-01T00:00:00Z"}],
        },
        f"POST codes/uploads/{UUID(int=1)}/start/": {
            "market": "CA-LAX",
            "event": "",
            "code_type": "presale",
            "is_all_or_nothing": True,
            "has_header": True,
            "sheet": "",
            "code_column": "code",
            "type_column": "",
            "campaign_column": "",
            "market_column": "2",
            "event_column": "",
        },
        f"POST codes/uploads/{UUID(int=1)}/undo/": {"reason": "A"},
        "POST codes/generate/": {
            "campaign": "aurora",
            "market": "CA-LAX",
            "event": "",
            "code_type": "presale",
            "count": 5,
            "length": 8,
            "prefix": "A-",
            "alphabet": "mixed",
        },
        "POST codes/check/": {"campaign": "aurora", "code": "A", "account": "ada@example.com"},
        "POST codes/given/": {"campaign": "aurora", "ref": "0" * 32, "pool": 1, "reason": "A"},
        "POST codes/given/replace/": {"campaign": "aurora", "ref": "0" * 32, "wave": "", "reason": "A"},
        "POST codes/given/take-back/": {"campaign": "aurora", "ref": "0" * 32, "code_type": "presale", "reason": "A"},
    }


def is_civil(answer: Answer) -> bool:
    """Whether an answer is a success, or an error that blames the request in the one shape."""
    if answer.status < 400:
        return True
    is_whole = isinstance(answer.body, dict) and set(answer.body) == {"code", "message", "errors"}
    return answer.status < 500 and is_whole and bool(answer.body["message"]) and has_messages(answer.body["errors"])


@pytest.fixture(autouse=True)
def long_memory(fresh_memory: None, settings: Settings) -> None:
    """Keep campaigns in memory: thousands of requests read the same one."""
    settings.PUBLISHED_SECONDS = 60


@pytest.fixture
def wave(tour: Campaign) -> Wave:
    """A wave of the tour, whose number is in the addresses; with a frequent question, a pool, a hold, an upload."""
    Faq.objects.create(campaign=tour, locale_id="en_US", number=1, question="When?", answer="Soon.")
    Pool.objects.create(campaign=tour, market=tour.markets.get(code="CA-LAX"))
    now = timezone.now()
    Hold.objects.create(
        campaign=tour,
        code_type="presale",
        kind="reserve",
        purpose="A",
        created_at=now,
        expires_at=now + timedelta(days=1),
    )
    upload = draft_upload(
        campaign=tour,
        file=io.BytesIO(b"code,market\nA1,CA-LAX\n"),
        file_name="x.csv",
        size=23,
        actor=scenario.SUPREME,
        now=now,
    )
    Upload.objects.filter(pk=upload.pk).update(id=UUID(int=1))
    return scenario.make_wave(tour)


def address_of(path: str, wave: Wave) -> str:
    """The path with the numbers of this wave and of its campaign's question, pool and hold."""
    campaign = wave.campaign
    keys = {"waves": wave.pk, "faqs": campaign.faqs.order_by("pk")[0].pk, "pools": campaign.pools.order_by("pk")[0].pk}
    keys["holds"] = campaign.holds.order_by("pk")[0].pk
    for name, key in keys.items():
        path = path.replace(f"{name}/1/", f"{name}/{key}/")
    return path


def test_every_address_that_takes_a_body_is_in_the_table() -> None:
    writing = {
        f"{method} {address.path}"
        for address in addresses()
        for method in address.methods
        if method not in ("GET", "DELETE")
        and not address.path.endswith(
            (
                "/close/",
                "/finish/",
                "/trigger/",
                "/uploads/",
                "/sign-out/",
                "/release/",
                "/cancel/",
                "/auditors/1/revoke/",
                *(f"/mails/{deed}/" for deed in ("pause", "resume", "stop", "retry-failed")),
            )
        )
        and "/images/" not in address.path  # A form: see below.
    }
    similar = {
        "PATCH artists/1/",
        "PATCH venues/1/",
        "PATCH promoters/1/",
        "PATCH trackers/1/",
        "PATCH locales/en_US/",
        "PATCH campaigns/aurora/contents/en_US/",
    }

    assert writing - similar == set(bodies())


def some_of(values: list[Any], seed: str) -> list[Any]:
    """A sample of the hostile values, the same in each run."""
    return Random(seed).sample(values, 7)


@pytest.mark.parametrize("target", bodies())
def test_no_value_of_a_body_is_our_fault(staff: Api, wave: Wave, target: str) -> None:
    spoil_each_value(staff, wave, target, some_of)


@pytest.mark.soak
@pytest.mark.parametrize("target", bodies())
def test_none_of_all_values_of_a_body_is_our_fault(staff: Api, wave: Wave, target: str) -> None:
    spoil_each_value(staff, wave, target, lambda values, _seed: values)


def spoil_each_value(staff: Api, wave: Wave, target: str, choose: Callable[[list[Any], str], list[Any]]) -> None:
    """Send a good body with one value spoilt, for each of its values."""
    method, _, path = target.partition(" ")
    good = bodies()[target]
    if "venue" in good:
        good["venue"] = Venue.objects.latest("pk").pk

    for name, inner in [(name, None) for name in good] + [("answers", "seat"), ("limits", "CA-LAX")]:
        for value in choose(HOSTILE, f"{target} {name}") if name in good else []:
            spoilt = {**good, name: {inner: value} if inner else value}
            fan_requests.clear()
            answer = staff.send(method, address_of(path, wave), spoilt, **known_as(path, wave))
            assert is_civil(answer), (name, value, answer)


def known_as(path: str, wave: Wave) -> dict[str, str]:
    """The header of a fan whose own entry an address shows."""
    if "/entry/" not in path:
        return {}
    entry = Entry.objects.filter(campaign=wave.campaign).first()
    if entry is None:
        entry = Entry.objects.create(
            campaign=wave.campaign,
            ref="0" * 32,
            identifier="ada@example.com",
            email="ada@example.com",
            person_key=b"",
            name="Ada",
            locale_id="en_US",
            choices=[1],
            email_confirmed_at=timezone.now(),
            created_at=timezone.now(),
            updated_at=timezone.now(),
        )
    return {"Authorization": f"Bearer {fan_token(campaign_id=wave.campaign_id, ref=entry.ref)}"}


def test_no_value_of_a_nested_event_or_option_is_our_fault(staff: Api, tour: Campaign) -> None:
    venue = Venue.objects.latest("pk").pk
    event = {"code": "NEW-1", "starts_at": "2027-06-01T00:00:00Z"}

    for value in some_of(HOSTILE, "nested"):
        for name in ("code", "number", "name", "starts_at", "presale_at", "link", "is_active"):
            market = {"code": "NEW", "venue": venue, "events": [{**event, name: value}]}
            assert is_civil(staff.post("campaigns/aurora/markets/", market)), (name, value)
            changed = {"events": [{**event, "code": "CA-LAX-1", name: value}]}
            assert is_civil(staff.patch("campaigns/aurora/markets/CA-LAX/", changed)), (name, value)
        for option in ({"value": value}, {"value": "a", "labels": value}, {"value": "a", "labels": {"en": value}}):
            assert is_civil(staff.patch("campaigns/aurora/fields/seat/", {"options": [option]})), option


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_a_form_is_our_fault(staff: Api, tour: Campaign, text: str) -> None:
    good = {"campaign": "aurora", "market": "CA-LAX", "event": "", "code_type": "presale", "kind": "file"}
    good |= {"draft": "true", "has_header": "true", "sheet": "", "is_all_or_nothing": "", "code_column": "1"}

    for name in good:
        file = SimpleUploadedFile(text or "x", text.encode() or b"A")
        form = {**good, name: text, "file": file}
        assert is_civil(read(staff.client.post(url("codes/uploads/"), form))), name


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_an_images_form_is_our_fault(staff: Api, tour: Campaign, text: str) -> None:
    good = {"locale": "en_US", "kind": "main", "alternative_text": ""}

    decoding.clear()
    for name in good:
        file = SimpleUploadedFile(text or "x", text.encode() or b"A")
        assert is_civil(read(staff.client.post(url("campaigns/aurora/images/"), {**good, name: text, "file": file}))), (
            name
        )
    assert is_civil(read(staff.client.post(url("campaigns/aurora/images/"), {**good, "file": text})))


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_a_query_or_header_is_our_fault(staff: Api, api: Api, tour: Campaign, text: str) -> None:
    queries = ("cursor", "limit", "locale", "campaign", "format")
    for path in ("artists/", "campaigns/aurora/", "campaigns/aurora/entry/", "waves/", "exports/"):
        for program in (staff, api):
            for name in queries:
                sent = {"campaign": "aurora", name: text}
                assert is_civil(read(program.client.get(url(path), sent))), (path, name)
    as_bytes = text.encode().decode("latin-1")  # As a server hands over what is no ASCII.
    for name in ("authorization", "accept", "accept_language", "x_forwarded_for", "x_csrftoken"):
        for prefix in ("", "Bearer ", "Basic ") if name == "authorization" else ("",):
            assert is_civil(api.get("campaigns/aurora/", **{name: prefix + as_bytes})), (name, prefix)
            assert is_civil(api.get("campaigns/aurora/entry/", **{name: prefix + as_bytes})), (name, prefix)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@hypothesis_settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.sampled_from(sorted(bodies())), data=st.data())
def test_no_body_that_somebody_could_think_of_is_our_fault(
    staff: Api, wave: Wave, target: str, data: st.DataObject
) -> None:
    method, _, path = target.partition(" ")
    names = st.sampled_from(sorted(bodies()[target])) | st.text(max_size=12)
    body = data.draw(st.dictionaries(names, json_values, max_size=6))
    fan_requests.clear()

    assert is_civil(staff.send(method, address_of(path, wave), body, **known_as(path, wave)))
