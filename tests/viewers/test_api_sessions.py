"""Our own tokens after a sign-in from outside: two places, one session, and what opens neither."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import StringIO

import jwt
import pytest
import time_machine
from django.conf import settings as project
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from campaigns.models import Campaign
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests.api.calling import Answer, Api, is_error, signed_in
from tests.viewers.issuer import KEY, Company, claims_of, forged, signed
from tests.viewers.test_machine_tokens import grant
from viewers import api_sessions
from viewers.api_sessions import KEPT_FOR, Kind, purge_sessions
from viewers.authentication import COOKIE
from viewers.models import Action, ApiSession, Grant, OutsideIdentity, Staff
from viewers.outside import CannotLink, link_identity, unlink_identity
from viewers.viewer import viewer_of_staff

pytestmark = pytest.mark.django_db


def browser() -> Api:
    """A browser: it keeps cookies, and CSRF is checked."""
    return Api(Client(enforce_csrf_checks=True))


def sign_in(program: Api, subject: str = "fan-1") -> Answer:
    """Sign in as a subject of the company."""
    answer = program.post("auth/", {"token": signed(sub=subject), "kind": "access"})
    assert answer.status == 200, answer.body
    return answer


def bearer(token: str) -> Api:
    """A program that sends a token."""
    return Api(Client(enforce_csrf_checks=True), authorization=f"Bearer {token}")


def link(staff: Staff, subject: str = "s-1") -> OutsideIdentity:
    """Make a subject of the company a member of staff."""
    sue = Staff.objects.get(username="sue")
    return link_identity(staff=staff, issuer="company", subject=subject, actor=viewer_of_staff(sue), now=timezone.now())


def test_a_linked_subject_is_that_member_of_staff(supreme: Staff, trusted: Company) -> None:
    link(supreme)

    answer = sign_in(browser(), "s-1")
    claims = claims_of(answer.body["token"])

    assert (answer.body["viewer"]["kind"], answer.body["viewer"]["name"]) == ("staff", "sue")
    assert (claims["sub"], claims["isSupreme"]) == (f"staff:{supreme.pk}", True)
    assert set(claims["permissions"]) == {"*"}
    assert claims["exp"] - claims["iat"] == 900
    assert bearer(answer.body["token"]).post("artists/", {"name": "Aurora Vale"}).status == 201
    assert AuditEvent.objects.get(action="apisession.start").actor_label == "sue"


def test_the_map_tells_what_a_member_of_staff_may_in_each_campaign(
    supreme: Staff, clerk: Staff, tour: Campaign, trusted: Company
) -> None:
    link(clerk)
    grant(clerk, tour, Action.VIEW, Action.EXPORT)
    grant(clerk, None, Action.EDIT_CATALOGUE)

    answer = sign_in(browser(), "s-1")
    me = bearer(answer.body["token"]).get("viewer/").body

    assert claims_of(answer.body["token"])["permissions"] == {"aurora": ["view", "export"]}
    assert me["permissions"] == {"aurora": ["view", "export"]}
    assert (me["without_campaign"], me["may"]) == (["edit_catalogue"], ["view", "export", "edit_catalogue"])


def test_the_map_decides_nothing(supreme: Staff, clerk: Staff, tour: Campaign, trusted: Company) -> None:
    link(clerk)
    grant(clerk, tour, Action.VIEW, Action.EDIT_SETUP)
    program = bearer(sign_in(browser(), "s-1").body["token"])
    assert program.patch("campaigns/aurora/", {"name": "Aurora 2"}).status == 200

    Grant.objects.filter(action=Action.EDIT_SETUP).delete()

    assert is_error(program.patch("campaigns/aurora/", {"name": "Aurora 3"}), 403, "not_allowed")


def test_the_cookie_holds_subject_and_session_alone(supreme: Staff, trusted: Company, settings: Settings) -> None:
    link(supreme)
    settings.IS_HTTPS = True
    program = browser()

    answer = sign_in(program, "s-1")
    cookie = program.client.cookies[COOKIE]

    assert set(claims_of(cookie.value)) == {"iss", "aud", "sub", "sid", "iat", "exp"}
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/api/")
    assert cookie["max-age"] == 900
    assert len(cookie.value) < 600
    assert claims_of(cookie.value)["sid"] == claims_of(answer.body["token"])["sid"]


def test_the_cookie_reads_alone_and_changes_only_with_the_csrf_token(supreme: Staff, trusted: Company) -> None:
    link(supreme)
    program = browser()
    sign_in(program, "s-1")

    without = program.post("artists/", {"name": "Aurora Vale"})
    wrong = program.post("artists/", {"name": "Aurora Vale"}, x_csrftoken="x" * 32)
    token = program.get("viewer/").body["csrf_token"]
    with_token = program.post("artists/", {"name": "Aurora Vale"}, x_csrftoken=token)

    assert program.get("artists/").status == 200
    assert is_error(without, 403, "csrf_failed")
    assert is_error(wrong, 403, "csrf_failed")
    assert with_token.status == 201


def test_a_bearer_token_needs_no_csrf_token_and_gets_none(supreme: Staff, trusted: Company) -> None:
    link(supreme)
    program = bearer(sign_in(browser(), "s-1").body["token"])

    assert program.post("artists/", {"name": "Aurora Vale"}).status == 201
    me = program.get("viewer/")
    assert me.body["csrf_token"] == ""
    assert not me.headers.get("Set-Cookie")


def test_a_token_in_the_place_of_the_other_opens_nothing(supreme: Staff, trusted: Company) -> None:
    link(supreme)
    program = browser()
    body = sign_in(program, "s-1").body["token"]
    cookie = program.client.cookies[COOKIE].value

    assert is_error(bearer(cookie).get("artists/"), 401, "authentication_failed")
    other = Api()
    other.client.cookies[COOKIE] = body
    assert is_error(other.get("artists/"), 401, "not_authenticated")


@pytest.mark.parametrize("by", ["token", "cookie"])
def test_signing_out_by_either_ends_both_at_once(supreme: Staff, trusted: Company, by: str) -> None:
    link(supreme)
    program = browser()
    token = sign_in(program, "s-1").body["token"]
    stolen = Api()
    stolen.client.cookies[COOKIE] = program.client.cookies[COOKIE].value
    csrf = program.get("viewer/").body["csrf_token"]

    headers = {"x_csrftoken": csrf} if by == "cookie" else {}
    answer = (program if by == "cookie" else bearer(token)).post("auth/sign-out/", **headers)

    assert answer.status == 200
    assert is_error(bearer(token).get("artists/"), 401, "authentication_failed")
    assert is_error(stolen.get("artists/"), 401, "not_authenticated")
    assert is_error(bearer(token).post("auth/sign-out/"), 401, "authentication_failed")
    assert AuditEvent.objects.filter(action="apisession.end").count() == 1
    if by == "cookie":
        assert program.client.cookies[COOKIE].value == ""


def test_signing_out_needs_a_sign_in(api: Api, supreme: Staff) -> None:
    assert is_error(api.post("auth/sign-out/"), 401, "not_authenticated")
    assert is_error(signed_in(supreme).post("auth/sign-out/"), 409, "no_session")


def test_signing_out_by_cookie_needs_the_csrf_token(trusted: Company) -> None:
    program = browser()
    sign_in(program)

    assert is_error(program.post("auth/sign-out/"), 403, "csrf_failed")


def test_a_cookie_that_is_over_does_not_close_what_is_public(tour: Campaign, trusted: Company) -> None:
    program = browser()
    token = sign_in(program).body["token"]
    bearer(token).post("auth/sign-out/")

    assert program.get("campaigns/aurora/").status == 200
    assert program.get("viewer/").body["kind"] == "fan"


def test_a_fan_is_nobody_among_staff(tour: Campaign, trusted: Company) -> None:
    program = bearer(sign_in(browser()).body["token"])

    me = program.get("viewer/").body

    assert (me["kind"], me["subject"], me["may"]) == ("fan", "fan-1", [])
    assert is_error(program.get("artists/"), 403, "not_allowed")
    assert "readiness" not in program.get("campaigns/aurora/").body


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_an_account_that_is_switched_off_is_out_at_once(
    supreme: Staff, trusted: Company, change: dict[str, bool]
) -> None:
    link(supreme)
    program = browser()
    token = sign_in(program, "s-1").body["token"]

    Staff.objects.update(**change)

    assert is_error(bearer(token).get("artists/"), 401, "authentication_failed")
    assert is_error(program.get("artists/"), 401, "not_authenticated")
    again = browser().post("auth/", {"token": signed(sub="s-1"), "kind": "access"})
    assert is_error(again, 401, "authentication_failed")


def test_a_subject_that_is_unlinked_is_out_at_once_and_a_fan_from_then_on(supreme: Staff, trusted: Company) -> None:
    identity = link(supreme)
    token = sign_in(browser(), "s-1").body["token"]

    unlink_identity(identity=identity, reason="", actor=viewer_of_staff(supreme), now=timezone.now())

    assert is_error(bearer(token).get("artists/"), 401, "authentication_failed")
    assert sign_in(browser(), "s-1").body["viewer"]["kind"] == "fan"


def test_an_issuer_that_is_not_trusted_with_staff_has_only_fans(
    supreme: Staff, trusted: Company, settings: Settings
) -> None:
    link(supreme)
    settings.OUTSIDE_ISSUERS = (trusted.issuer(staff=False),)

    assert sign_in(browser(), "s-1").body["viewer"]["kind"] == "fan"


def test_the_same_subject_of_another_issuer_is_somebody_else(
    supreme: Staff, trusted: Company, settings: Settings
) -> None:
    link(supreme)
    settings.OUTSIDE_ISSUERS = (trusted.issuer(name="other"),)

    assert sign_in(browser(), "s-1").body["viewer"]["kind"] == "fan"


def test_a_token_is_good_for_a_quarter_of_an_hour(supreme: Staff, trusted: Company) -> None:
    link(supreme)
    program = browser()
    start = datetime.now(UTC).replace(microsecond=0)
    with time_machine.travel(start, tick=False):
        token = sign_in(program, "s-1").body["token"]
    with time_machine.travel(start + timedelta(seconds=899), tick=False):
        assert bearer(token).get("artists/").status == 200
    with time_machine.travel(start + timedelta(seconds=900), tick=False):
        assert is_error(bearer(token).get("artists/"), 401, "authentication_failed")
        assert is_error(program.get("artists/"), 401, "not_authenticated")


def spoilt(token: str) -> dict[str, str]:
    """Our own token, tampered with in every way."""
    claims = claims_of(token)
    header, payload, signature = token.split(".")
    kind = {"typ": str(Kind.BODY)}
    typ = {**kind, "alg": "HS256"}
    key = api_sessions._key(project.SECRET_KEY, Kind.BODY)

    def resigned(**changes: object) -> str:
        changed = {name: value for name, value in {**claims, **changes}.items() if value is not None}
        return jwt.encode(changed, key, algorithm="HS256", headers=typ)

    return {
        "no signature": forged({**typ, "alg": "none"}, claims),
        "the secret key itself": forged(typ, claims, secret=project.SECRET_KEY.encode()),
        "the cookie's key": forged(typ, claims, secret=api_sessions._key(project.SECRET_KEY, Kind.COOKIE)),
        "another payload": f"{header}.{signed().split('.')[1]}.{signature}",
        "another signature": f"{header}.{payload}.{signature[:-4]}AAAA",
        "another algorithm": jwt.encode(claims, key * 2, algorithm="HS512", headers=kind),
        "the company's signature": jwt.encode(claims, KEY, algorithm="RS256", headers=kind),
        "the company's token": signed(sub="s-1"),
        "another installation": resigned(iss="https://elsewhere.example"),
        "another audience": resigned(aud="somebody"),
        "another subject": resigned(sub="staff:1000000"),
        "a session that is none": resigned(sid="00000000-0000-0000-0000-000000000000"),
        "a session that is no id": resigned(sid="x"),
        "no session": resigned(sid=None),
        "no expiry": resigned(exp=None),
        "another type": jwt.encode(claims, key, algorithm="HS256", headers={"typ": "JWT"}),
        "endless": f"{header}.{'A' * 70_000}.{signature}",
    }


def test_our_own_token_is_taken_as_it_was_given_or_not_at_all(
    supreme: Staff, trusted: Company, quiet_addresses: None
) -> None:
    link(supreme)
    token = sign_in(browser(), "s-1").body["token"]

    for name, text in spoilt(token).items():
        assert is_error(bearer(text).get("artists/"), 401, "authentication_failed"), name
    assert bearer(token).get("artists/").status == 200


def test_sessions_that_are_long_over_are_forgotten(trusted: Company) -> None:
    sign_in(browser())
    session = ApiSession.objects.get()

    assert purge_sessions(session.expires_at + KEPT_FOR) == 0
    assert purge_sessions(session.expires_at + KEPT_FOR + timedelta(seconds=1)) == 1
    assert not ApiSession.objects.exists()


def test_a_subject_is_linked_once(supreme: Staff, clerk: Staff, trusted: Company) -> None:
    link(supreme)

    with pytest.raises(CannotLink):
        link(clerk)


def test_nobody_links_a_subject_to_an_account_that_may_do_more_than_she(
    supreme: Staff, clerk: Staff, tour: Campaign, trusted: Company
) -> None:
    dora = Staff.objects.create_user("dora", "", "x", is_staff=True)
    grant(clerk, None, Action.MANAGE_STAFF)
    grant(dora, tour, Action.EXPORT)

    def try_to_link(staff: Staff) -> Callable[[], object]:
        actor = viewer_of_staff(clerk)
        return lambda: link_identity(staff=staff, issuer="company", subject="s-9", actor=actor, now=timezone.now())

    for above in (supreme, dora):
        with pytest.raises(NotAllowed):
            try_to_link(above)()
    with pytest.raises(NotAllowed):
        link_identity(staff=dora, issuer="company", subject="s-9", actor=viewer_of_staff(dora), now=timezone.now())
    Grant.objects.filter(staff=dora).delete()
    assert try_to_link(dora)()


def test_the_admin_links_and_unlinks(client: Client, supreme: Staff, clerk: Staff, trusted: Company) -> None:
    client.force_login(supreme)
    form = {"staff": clerk.pk, "issuer": "company", "subject": "s-2"}

    assert client.post("/admin/viewers/outsideidentity/link/", form).status_code == 302
    identity = OutsideIdentity.objects.get()
    assert client.get("/admin/viewers/outsideidentity/").status_code == 200
    assert client.get(f"/admin/viewers/outsideidentity/{identity.pk}/change/").status_code == 200
    assert sign_in(browser(), "s-2").body["viewer"]["name"] == "carl"
    assert client.post(f"/admin/viewers/outsideidentity/{identity.pk}/unlink/", {"reason": "x"}).status_code == 302

    assert not OutsideIdentity.objects.exists()
    trail = AuditEvent.objects.order_by("id").values_list("action", flat=True)
    assert list(trail) == ["outsideidentity.link", "apisession.start", "outsideidentity.unlink"]
    assert "s-2" not in str(list(AuditEvent.objects.values()))


@pytest.fixture
def log_lines() -> Iterator[StringIO]:
    """What is written to the log, in the form that the settings give it."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    console = next(one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler)
    handler.setFormatter(console.formatter)
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def test_no_token_is_in_any_log_line(supreme: Staff, trusted: Company, log_lines: StringIO) -> None:
    link(supreme)
    outside = signed(sub="s-1")
    program = browser()
    answer = program.post("auth/", {"token": outside, "kind": "access"})
    ours, cookie = answer.body["token"], program.client.cookies[COOKIE].value
    bearer(ours).get("artists/")
    bearer(ours[:-3] + "AAA").get(f"artists/?token={ours}")
    program.get("nowhere/")
    program.post("auth/", {"token": outside[:-3] + "AAA", "kind": "access"})

    said = log_lines.getvalue()
    assert "GET /api/v1/artists/?" in said
    for secret in (outside, ours, cookie):
        assert secret[:-4] not in said
