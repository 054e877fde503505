"""Machine tokens: what a program may with one, and all that opens nothing."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from campaigns.models import Campaign
from core.logs import without_tokens
from core.models import AuditEvent
from core.refusal import Invalid, NotAllowed
from entries.proof import fan_token
from tests import scenario
from tests.api.calling import Api, is_error
from viewers.authentication import FAILURES_AT_ONCE
from viewers.models import Action, Grant, MachineToken, Staff
from viewers.tokens import CannotRevoke, make_token, revoke_token, viewer_of_token
from viewers.viewer import Viewer, viewer_of_staff

pytestmark = pytest.mark.django_db
EDITOR = (Action.VIEW, Action.EDIT_SETUP)


def grant(staff: Staff, campaign: Campaign | None, *actions: Action) -> None:
    """Give rights around the rules."""
    sue = Staff.objects.get(is_superuser=True)
    for action in actions:
        Grant.objects.create(staff=staff, campaign=campaign, action=action, granted_at=timezone.now(), granted_by=sue)


def token_of(owner: Staff, *actions: Action, campaigns: list[int] | None = None, days: int = 30) -> str:
    """A token of an account."""
    return made(owner, *actions, campaigns=campaigns, days=days)[0]


def made(
    owner: Staff, *actions: Action, campaigns: list[int] | None = None, days: int = 30
) -> tuple[str, MachineToken]:
    """A token's text and row."""
    new = make_token(
        name="nightly export",
        actions=actions or EDITOR,
        campaigns=campaigns,
        days=days,
        actor=viewer_of_staff(owner),
        now=timezone.now(),
    )
    return new.text, new.row


def program(token: str, **headers: str) -> Api:
    """A program that sends a token."""
    return Api(Client(enforce_csrf_checks=True), authorization=f"Bearer {token}", **headers)


def test_a_token_acts_for_its_owner_within_its_actions(supreme: Staff, tour: Campaign) -> None:
    api = program(token_of(supreme, Action.VIEW, Action.EDIT_CATALOGUE))

    me = api.get("viewer/").body

    assert (me["kind"], me["name"], me["acts_for"]) == ("machine", "nightly export", "sue")
    assert (me["is_supreme"], me["permissions"], me["csrf_token"]) == (False, {"*": ["view"]}, "")
    assert api.post("artists/", {"name": "Aurora Vale"}).status == 201
    assert is_error(api.patch("campaigns/aurora/", {"name": "Mine"}), 403, "not_allowed")


def test_what_a_machine_does_is_written_in_its_name_on_behalf_of_its_owner(supreme: Staff, tour: Campaign) -> None:
    text, row = made(supreme, *EDITOR)

    assert program(text).patch("campaigns/aurora/", {"name": "Aurora 2"}).status == 200

    event = AuditEvent.objects.filter(actor_kind="machine").get()
    assert (event.actor_id, event.actor_label) == (str(row.pk), "nightly export")
    assert event.on_behalf_of == f"staff {supreme.pk} sue"


def test_a_machine_never_is_supreme_and_may_give_no_rights(supreme: Staff) -> None:
    viewer = viewer_of_token(token_of(supreme, *EDITOR), now=timezone.now())

    assert not viewer.is_supreme
    for action in (Action.GRANT_ACCESS, Action.MANAGE_STAFF):
        with pytest.raises(NotAllowed, match="takes a person"):
            token_of(supreme, action)


def test_a_machine_makes_no_tokens(supreme: Staff) -> None:
    machine = viewer_of_token(token_of(supreme, *EDITOR), now=timezone.now())

    with pytest.raises(NotAllowed, match="signed in herself"):
        make_token(name="x", actions=EDITOR, campaigns=None, days=1, actor=machine, now=timezone.now())


def test_nobody_makes_a_token_that_reaches_beyond_herself(supreme: Staff, clerk: Staff, tour: Campaign) -> None:
    other = Campaign.objects.create(
        name="Other", artist=tour.artist, domain="other", default_locale_id="en_US", reference_timezone="UTC"
    )
    grant(clerk, tour, Action.VIEW, Action.EXPORT)
    grant(clerk, other, Action.VIEW)

    for actions, campaigns in (
        ((Action.RUN_WAVES,), None),
        ((Action.EXPORT,), [other.pk]),
        ((Action.EXPORT,), [tour.pk, other.pk]),
        ((Action.VIEW,), [tour.pk, 10**6]),
        ((Action.EDIT_CATALOGUE,), None),
    ):
        with pytest.raises(NotAllowed):
            token_of(clerk, *actions, campaigns=campaigns)
    assert not MachineToken.objects.exists()
    assert token_of(clerk, Action.EXPORT, campaigns=[tour.pk])


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 81}),
        ("actions", {"actions": ()}),
        ("campaigns", {"campaigns": []}),
        ("days", {"days": 0}),
        ("days", {"days": 367}),
    ],
)
def test_a_token_without_limits_is_not_made(operator: Viewer, field: str, values: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"name": "x", "actions": EDITOR, "campaigns": None, "days": 1}

    with pytest.raises(Invalid) as refusal:
        make_token(**{**usual, **values}, actor=operator, now=timezone.now())

    assert set(refusal.value.errors) == {field}


def test_only_a_hash_of_the_secret_is_stored_and_none_of_it_is_in_the_trail(supreme: Staff) -> None:
    text, row = made(supreme)

    stored = str(MachineToken.objects.filter(pk=row.pk).values().get())
    events = str(list(AuditEvent.objects.values()))
    secret = text.removeprefix("mql_").partition("_")[2]
    assert re.fullmatch(r"mql_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", text)
    assert secret not in stored + events


def test_a_token_beyond_its_campaigns_finds_nothing(supreme: Staff, tour: Campaign) -> None:
    Campaign.objects.create(
        name="Secret", artist=tour.artist, domain="secret", default_locale_id="en_US", reference_timezone="UTC"
    )
    api = program(token_of(supreme, *EDITOR, campaigns=[tour.pk]))

    assert api.get("campaigns/aurora/").body["readiness"] is not None
    assert [row["domain"] for row in api.get("campaigns/").body["results"]] == ["aurora"]
    assert api.get("campaigns/secret/").status == 404
    assert api.patch("campaigns/secret/", {"name": "Mine"}).status == 404
    assert api.get("viewer/").body["permissions"] == {"aurora": ["view", "edit_setup"]}


def test_a_right_that_the_owner_lost_is_lost_to_her_token_at_once(supreme: Staff, clerk: Staff, tour: Campaign) -> None:
    grant(clerk, tour, Action.VIEW, Action.EDIT_SETUP)
    api = program(token_of(clerk, *EDITOR))
    assert api.patch("campaigns/aurora/", {"name": "Aurora 2"}).status == 200

    Grant.objects.filter(action=Action.EDIT_SETUP).delete()
    assert is_error(api.patch("campaigns/aurora/", {"name": "Aurora 3"}), 403, "not_allowed")

    Grant.objects.all().delete()
    assert api.get("viewer/").body["permissions"] == {}
    assert api.patch("campaigns/aurora/", {"name": "Aurora 3"}).status in (403, 404)


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_a_token_ends_with_its_owners_account(supreme: Staff, change: dict[str, bool]) -> None:
    api = program(token_of(supreme))
    Staff.objects.filter(pk=supreme.pk).update(**change)

    assert is_error(api.get("artists/"), 401, "authentication_failed")


def test_wrong_tokens_open_nothing(supreme: Staff) -> None:
    text, other = token_of(supreme), token_of(supreme)
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    swapped = text[:21] + text[21:].swapcase()
    wrong = [text[:-1], text + "A", changed, swapped, text[:20] + other[20:], "mql_", "mql_" + "0" * 60, "mql_é"]

    for token in wrong:
        assert is_error(program(token.encode().decode("latin-1")).get("artists/"), 401, "authentication_failed"), token
    assert program(text).get("artists/").status == 200


def test_an_expired_token_says_so_to_whoever_has_its_secret(supreme: Staff) -> None:
    with time_machine.travel(datetime(2026, 1, 1, tzinfo=UTC), tick=False):
        text = token_of(supreme, days=1)
    with time_machine.travel(datetime(2026, 1, 1, 23, 59, 59, tzinfo=UTC), tick=False):
        assert program(text).get("artists/").status == 200
    with time_machine.travel(datetime(2026, 1, 2, tzinfo=UTC), tick=False):
        late, wrong = program(text).get("artists/"), program(text[:-2] + "AA").get("artists/")

    assert is_error(late, 401, "authentication_failed")
    assert "expired on 2026-01-02" in late.body["message"]
    assert "not known" in wrong.body["message"]


def test_a_revoked_token_is_refused_from_the_next_request_on(supreme: Staff, operator: Viewer) -> None:
    text, row = made(supreme)
    api = program(text)
    assert api.get("artists/").status == 200

    revoke_token(token=row, reason="The host is gone.", actor=operator, now=timezone.now())

    assert is_error(api.get("artists/"), 401, "authentication_failed")
    event = AuditEvent.objects.get(action="machinetoken.revoke")
    assert (event.actor_label, event.reason) == ("sue", "The host is gone.")
    with pytest.raises(CannotRevoke):
        revoke_token(token=row, reason="", actor=operator, now=timezone.now())


def test_only_the_owner_and_who_manages_staff_revoke_a_token(supreme: Staff, clerk: Staff, operator: Viewer) -> None:
    _text, row = made(supreme)
    machine = Viewer(kind="machine", id="1", label="x", staff=supreme)

    for stranger in (viewer_of_staff(clerk), machine):
        with pytest.raises(NotAllowed):
            revoke_token(token=row, reason="", actor=stranger, now=timezone.now())

    grant(clerk, None, Action.MANAGE_STAFF)
    revoke_token(token=row, reason="", actor=viewer_of_staff(clerk), now=timezone.now())


def test_a_token_in_the_address_or_in_a_cookie_plays_no_role(supreme: Staff, api: Api) -> None:
    text = token_of(supreme)
    api.client.cookies["monoql_api"] = text

    for name in ("token", "access_token", "authorization", "api_key"):
        assert is_error(api.get(f"artists/?{name}={text}"), 401, "not_authenticated")


def test_the_last_use_is_written_at_most_once_a_minute(supreme: Staff) -> None:
    text, row = made(supreme)
    start = timezone.now()

    for seconds, expected in ((0, 0), (59, 0), (61, 61), (100, 61)):
        viewer_of_token(text, now=start + timedelta(seconds=seconds))
        row.refresh_from_db()
        assert row.last_used_at == start + timedelta(seconds=expected)


def test_guessing_tokens_is_slowed_down(supreme: Staff) -> None:
    guesser = program("mql_" + "0" * 16 + "_" + "A" * 43)
    for _ in range(FAILURES_AT_ONCE):
        guesser.get("artists/")

    answer = guesser.get("artists/")

    assert is_error(answer, 429, "throttled")
    assert int(answer.headers["Retry-After"]) > 0


def test_a_program_with_an_ended_token_does_not_slow_down_its_neighbours(supreme: Staff, operator: Viewer) -> None:
    ended, row = made(supreme)
    revoke_token(token=row, reason="", actor=operator, now=timezone.now())
    good = token_of(supreme)

    for _ in range(FAILURES_AT_ONCE + 5):
        program(ended).get("artists/")

    assert program(good).get("artists/").status == 200


def test_the_command_prints_a_token_that_works(supreme: Staff, tour: Campaign) -> None:
    out = StringIO()

    call_command("machine_token", "--for", "sue", "--name", "ci", "--campaign", "aurora", "--days", "1", stdout=out)

    assert program(out.getvalue().strip()).get("viewer/").body["name"] == "ci"
    assert AuditEvent.objects.get(action="machinetoken.make").actor_label == "sue"


@pytest.mark.parametrize(
    "words",
    [
        ["--for", "nobody", "--name", "ci"],
        ["--for", "sue", "--name", "ci", "--days", "900"],
        ["--for", "sue", "--name", "ci", "--campaign", "nowhere"],
        ["--for", "sue", "--name", "ci", "--actions", "manage_staff"],
        ["--for", "carl", "--name", "ci", "--actions", "export"],
    ],
)
def test_the_command_refuses_kindly(supreme: Staff, clerk: Staff, words: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("machine_token", *words, stdout=StringIO())

    assert not MachineToken.objects.exists()


def test_the_admin_shows_a_token_once_and_keeps_it_in_no_cache(client: Client, supreme: Staff, tour: Campaign) -> None:
    client.force_login(supreme)
    form = {"name": "ci", "actions": ["view", "export"], "campaigns": [str(tour.pk)], "days": "30"}

    page = client.post("/admin/viewers/machinetoken/make/", form)
    text = re.search(r"mql_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", page.content.decode())

    assert text is not None
    assert "no-store" in page.headers["Cache-Control"]
    assert program(text[0]).get("viewer/").body["permissions"] == {"aurora": ["view", "export"]}
    row = MachineToken.objects.get()
    for address in ("", f"{row.pk}/change/", f"{row.pk}/revoke/", f"{row.pk}/history/"):
        shown = client.get(f"/admin/viewers/machinetoken/{address}")
        assert shown.status_code == 200
        assert text[0][21:] not in shown.content.decode()


@pytest.mark.parametrize("reach", [{}, {"reaches_all": "on", "campaigns": True}])
def test_the_admin_asks_for_one_clear_reach(
    client: Client, supreme: Staff, tour: Campaign, reach: dict[str, Any]
) -> None:
    client.force_login(supreme)
    chosen = {name: [str(tour.pk)] if value is True else value for name, value in reach.items()}

    page = client.post("/admin/viewers/machinetoken/make/", {"name": "ci", "actions": ["view"], "days": "7", **chosen})

    assert page.status_code == 200
    assert "Choose" in page.content.decode()
    assert not MachineToken.objects.exists()


def test_in_the_admin_staff_see_their_own_tokens_alone(
    client: Client, supreme: Staff, clerk: Staff, tour: Campaign
) -> None:
    _text, foreign = made(supreme)
    grant(clerk, tour, Action.VIEW)
    _text, own = made(clerk, Action.VIEW)
    client.force_login(clerk)

    shown = client.get("/admin/viewers/machinetoken/").content.decode()
    theirs = client.get(f"/admin/viewers/machinetoken/{foreign.pk}/change/")
    revoke = client.post(f"/admin/viewers/machinetoken/{foreign.pk}/revoke/", {"reason": "x"})

    assert f"mql_{own.lookup}" in shown
    assert foreign.lookup not in shown
    assert (theirs.status_code, revoke.status_code) == (404, 404)
    client.post(f"/admin/viewers/machinetoken/{own.pk}/revoke/", {"reason": "x"})
    own.refresh_from_db()
    foreign.refresh_from_db()
    assert own.revoked_at is not None
    assert foreign.revoked_at is None


def test_who_manages_staff_is_not_told_of_campaigns_that_she_may_not_see(
    client: Client, supreme: Staff, clerk: Staff, tour: Campaign
) -> None:
    made(supreme, *EDITOR, campaigns=[tour.pk])
    grant(clerk, None, Action.MANAGE_STAFF)
    client.force_login(clerk)

    shown = client.get("/admin/viewers/machinetoken/").content.decode()

    assert "nightly export" in shown
    assert tour.name not in shown


def test_staff_without_any_right_have_no_tokens(client: Client, supreme: Staff, clerk: Staff) -> None:
    client.force_login(clerk)

    assert client.get("/admin/viewers/machinetoken/").status_code == 403
    assert client.get("/admin/viewers/machinetoken/make/").status_code == 403


def test_a_fans_token_is_left_to_the_fans_endpoints(tour: Campaign, api: Api) -> None:
    entry = scenario.register_fan(tour, "Ada", ["CA-LAX"])
    header = f"Bearer {fan_token(campaign_id=tour.pk, ref=entry.ref)}"

    assert api.get("campaigns/aurora/entry/", authorization=header).body["name"] == "Ada"
    assert "readiness" not in api.get("campaigns/aurora/", authorization=header).body
    assert is_error(api.get("artists/", authorization=header), 401, "not_authenticated")


def test_a_token_is_cut_out_of_every_log_line_at_any_depth(supreme: Staff) -> None:
    text = token_of(supreme)
    error = ValueError(f"cannot send {text}")

    line = without_tokens(
        None, "", {"event": f"sent {text}.", "of": [{"header": text}], "exc_info": (ValueError, error)}
    )

    assert text[8:] not in repr(line)
    assert line["event"] == "sent mql_…."
