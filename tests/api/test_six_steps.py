"""The main job by REST alone: from a new campaign to a code in a fan's hands."""

import re
from datetime import timedelta

import pytest
import requests
from django.core import mail
from django.test import Client
from django.utils import timezone

from entries.sending import send_due
from tests.api.calling import Answer, Api
from tests.scenario import run_jobs
from viewers.models import Staff

pytestmark = pytest.mark.django_db(transaction=True)
CODES = b"\xef\xbb\xbfcode\r\n" + b"".join(b"AURORA-%04d\r\n" % number for number in range(3)) + b"AURORA-0001\r\n"


def token_mailed_to(address: str) -> str:
    """Send what waits, and take the token out of the newest mail to an address."""
    send_due(timezone.now())
    sent = [letter for letter in mail.outbox if address in letter.to[0]]
    link = re.search(r"/confirm/([^/\s]+)/", str(sent[-1].body))
    assert link is not None
    return link[1]


def set_up(sue: Api) -> Answer:
    """Step 1: artist, venue, campaign with dates, a market with its event, a question, texts; and open it."""
    now = timezone.now()
    for code, name in (("en_US", "English"), ("es_MX", "Español")):
        assert sue.post("locales/", {"code": code, "name": name}).status == 201
    artist = sue.post("artists/", {"name": "Aurora Vale"}).body["id"]
    policies = {"es_MX": "https://sunset.example/privacidad"}
    promoter = sue.post(
        "promoters/",
        {"name": "Sunset Concerts", "privacy_url": "https://sunset.example/privacy", "policies": policies},
    ).body["id"]
    campaign = sue.post(
        "campaigns/",
        {
            "name": "Aurora 2027",
            "artist": artist,
            "promoter": promoter,
            "domain": "aurora-2027",
            "reference_timezone": "America/Los_Angeles",
            "open_at": (now - timedelta(hours=1)).isoformat(),
            "close_at": (now + timedelta(days=2)).isoformat(),
            "locales": ["en_US", "es_MX"],
            "default_locale": "en_US",
        },
    )
    assert campaign.status == 201, campaign.body
    assert [line["section"] for line in campaign.body["readiness"] if line["is_red"]] == ["markets", "content"]
    venue = sue.post(
        "venues/",
        {"name": "Crypto.com Arena", "city": "Los Angeles", "country": "US", "timezone": "America/Los_Angeles"},
    ).body["id"]
    market = {
        "code": "CA-LAX",
        "venue": venue,
        "population_limit": 2,
        "events": [{"code": "CA-LAX-1", "starts_at": "2027-06-01T19:30:00-07:00"}],
    }
    assert sue.post("campaigns/aurora-2027/markets/", market).status == 201
    question = {"key": "age_checked", "number": 1, "type": "consent", "label": "I am 16 or older", "is_required": True}
    assert sue.post("campaigns/aurora-2027/fields/", question).status == 201
    texts = {"title": "Aurora Vale on tour", "open": "Register now."}
    assert sue.put("campaigns/aurora-2027/contents/en_US/", texts).status == 200
    return sue.post("campaigns/aurora-2027/open/", {"reason": "The tour was announced."})


def register_and_prove(fan: Api, name: str) -> str:
    """Step 3: a fan registers and follows her mailed link; her token."""
    form = {"email": f"{name}@example.com", "name": name, "choices": ["CA-LAX"], "answers": {"age_checked": True}}
    answer = fan.post("campaigns/aurora-2027/entries/", form)
    assert (answer.status, answer.body) == (202, {"status": "check_your_mail"})
    token = token_mailed_to(f"{name}@example.com")
    confirmed = fan.post("campaigns/aurora-2027/entries/confirm/", {"token": token})
    assert confirmed.status == 200
    assert confirmed.body["entry"]["choices"] == ["CA-LAX"]
    return str(confirmed.body["fan_token"])


def test_the_six_steps_by_rest_alone(supreme: Staff) -> None:
    client = Client()
    client.force_login(supreme)
    sue, fan = Api(client), Api()

    opened = set_up(sue)
    assert (opened.status, opened.body["status"]) == (200, "open")

    upload = sue.upload("codes/uploads/", CODES, campaign="aurora-2027", market="CA-LAX")
    assert (upload.status, upload.body["status"]) == (202, "queued")
    run_jobs()
    read = sue.get(f"codes/uploads/{upload.body['id']}/").body
    assert (read["status"], read["added"], read["refused"]) == ("finished", 3, 1)
    assert read["refused_lines"] == [{"line": 5, "reason": "The same code stands in line 3."}]

    tokens = {name: register_and_prove(fan, name) for name in ("ada", "ben", "cleo")}

    assert sue.post("campaigns/aurora-2027/close/").body["status"] == "closed"
    wave = sue.post("waves/", {"campaign": "aurora-2027", "local": "2027-02-01T10:00"})
    assert wave.status == 201
    address = f"waves/{wave.body['id']}/"
    prepared = sue.post(f"{address}prepare/", {"ranking": ["preference"]})
    assert (prepared.status, prepared.body["status"]) == (202, "processing")
    run_jobs()
    ready = sue.get(address).body
    assert (ready["prep"]["status"], ready["draw"]["entries"], ready["draw"]["placed"]) == ("finished", 3, 2)
    assert [(row["market"], row["places"], row["placed"]) for row in ready["draw"]["markets"]] == [("CA-LAX", 2, 2)]
    counts = sue.get("codes/counts/?campaign=aurora-2027").body
    assert (counts["available"], counts["reserved"], counts["total"]) == (1, 2, 3)

    triggered = sue.post(f"{address}trigger/")
    assert (triggered.status, triggered.body["status"]) == (202, "triggered")
    again = sue.post(f"{address}trigger/")
    assert (again.status, again.body["code"]) == (409, "cannot_trigger")
    run_jobs()
    assert sue.get(address).body["status"] == "completed"

    export = sue.post("exports/", {"campaign": "aurora-2027", "dataset": "selection", "wave": wave.body["id"]})
    assert export.status == 202
    run_jobs()
    assert sue.get(f"exports/{export.body['id']}/").body["rows"] == 2
    download = sue.get(f"exports/{export.body['id']}/download/").body
    assert download["expires_in"] == 3600
    lines = requests.get(download["url"], timeout=10).text.splitlines()

    codes = {}
    for name, token in tokens.items():
        entry = fan.get("campaigns/aurora-2027/entry/", authorization=f"Bearer {token}").body
        (outcome,) = entry["outcomes"]
        codes[name] = outcome["code"]
        receipt = fan.get("campaigns/aurora-2027/entry/receipts/2027-02-01T10:00/", authorization=f"Bearer {token}")
        assert receipt.body["outcome"] == ("placed" if outcome["is_selected"] else "markets_full")
    given = sorted(code for code in codes.values() if code)
    assert len(given) == 2
    assert len(lines) == 3
    assert all(any(code in line for line in lines[1:]) for code in given)
