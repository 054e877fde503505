"""Fans who are known by their account: they sign in with its issuer, and register in what they signed in for.

    {base}sign-in/    a cookie with what must come back, and on to the issuer's page
    /signed-in/       the one address of ours that the issuer knows, whatever campaigns there are; leads on to
    {base}signed-in/  code for token, and on to the fan's entry, or to {base}register/ where she has none yet

The landing page stays one for everybody. A sign-in belongs to one browser and one campaign by its cookie, to one answer
of the issuer by its state, and to one token by its nonce.
"""

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import structlog
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from campaigns.passwords import TooManyTries, WrongPassword
from core.refusal import Invalid, Refusal
from entries import own_entry
from entries.fan_sign_in import (
    ACCOUNT_MINUTES,
    Account,
    account_of,
    account_token,
    issuer_of_sign_in,
    read_account_token,
)
from entries.form import Form
from entries.own_entry import TooManyChanges
from entries.registration import CannotRegister
from monoql import fan_forms
from monoql.fan_forms import ShownForm
from monoql.fan_pages import (
    ACCOUNT_COOKIE,
    SIGNED_OUT_COOKIE,
    Status,
    form_sent_by,
    open_entry,
    set_cookie,
    show_landing,
    stage_of,
)
from monoql.fan_visit import Visit, fan_page, keep_for_nobody, refuse_other_sites_in_private
from viewers.code_flow import CodeRefused, SignIn, address_of_sign_in, subject_of_code
from viewers.issuer_keys import IssuerAway
from viewers.issuers import Issuer

log = structlog.get_logger(__name__)
SIGN_IN_COOKIE = "monoql_sign_in"
SIGN_IN_TIME = timedelta(minutes=10)
"""How long a fan may take at the issuer."""
DESTINATIONS = {"entry": "entry/", "change": "entry/change/"}
"""Where a sign-in can lead to that has found an entry."""
BROUGHT = ("code", "state", "error")
"""What an issuer's answer says of interest."""
PROBLEMS = {"access_denied": "cancelled", "temporarily_unavailable": "away", "server_error": "away"}
"""What an issuer's errors mean to a fan."""
_STATE_SALT = "monoql.fan_account.state"
_COOKIE_SALT = "monoql.fan_account.sign_in"
STATUSES = {"cancelled": 200, "over": 400, "refused": 400, "away": 503, "nobody": 200, "unknown": 200, "ended": 400}
"""How each page that asks a fan to sign in is answered."""


@require_safe
@fan_page
def sign_in(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Leads to the issuer's page. ``?to=`` names where to go afterwards, ``?another`` asks for another account."""
    issuer = issuer_of_sign_in()
    if not visit.is_by_account:
        return _to(visit.base)
    if issuer is None:
        log.error("fans_cannot_sign_in", campaign=visit.campaign.domain, reason="FAN_ISSUER names no issuer with pages")
        return _ask_to_sign_in(request, visit, "away")
    begun = SignIn(state=_new_state(request, visit))
    to = request.GET.get("to", "")
    kept = {**asdict(begun), "campaign": visit.campaign.pk, "to": to if to in DESTINATIONS else "entry"}
    address = address_of_sign_in(
        issuer,
        begun,
        redirect_uri=redirect_uri(),
        language=visit.locale.tag,
        is_asked_again="another" in request.GET or SIGNED_OUT_COOKIE in request.COOKIES,
    )
    response = _to(address)
    set_cookie(response, SIGN_IN_COOKIE, signing.dumps(kept, salt=_COOKIE_SALT), visit, SIGN_IN_TIME)
    return response


@require_GET
def back(request: HttpRequest) -> HttpResponse:
    """The address that the issuer knows: leads on to the campaign's own page, where the fan's cookie is."""
    try:
        _number, base = signing.loads(request.GET.get("state", ""), salt=_STATE_SALT, max_age=SIGN_IN_TIME)
    except (signing.BadSignature, ValueError, TypeError):
        return keep_for_nobody(render(request, "fan/sign_in_lost.html", status=400))
    brought = {name: request.GET[name] for name in BROUGHT if name in request.GET}
    return _to(f"{base}signed-in/?{urlencode(brought)}")


@require_GET
@fan_page
def signed_in(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Finds out who has signed in, and opens her entry, or the form where she has none."""
    if not visit.is_by_account:
        return _to(visit.base)
    kept, issuer = _kept_sign_in(request, visit), issuer_of_sign_in()
    if kept is None or issuer is None or not kept[0].is_answered_by(request.GET.get("state", "")):
        return _ask_to_sign_in(request, visit, "over")
    begun, to = kept
    response = _finish(request, visit, issuer, begun, to)
    response.delete_cookie(SIGN_IN_COOKIE, path=visit.base, samesite="Lax")
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@fan_page
@refuse_other_sites_in_private
def register(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The form of a fan who has signed in, and takes it."""
    if not visit.is_by_account:
        return _to(visit.base)
    account = read_account_token(request.COOKIES.get(ACCOUNT_COOKIE, ""), campaign_id=visit.campaign.pk)
    if account is None:
        return _ask_to_sign_in(request, visit, "ended" if request.method == "POST" else "unknown")
    if request.method == "POST":
        return keep_for_nobody(_register(request, visit, account))
    if stage_of(visit) != Status.OPEN:
        return _to(visit.base)
    known = _open_known(visit, account)
    return known or _show_form(request, visit, fan_forms.as_of_account(fan_forms.empty_form(visit.published), account))


def redirect_uri() -> str:
    """The address that the issuer must know: one for all campaigns, on the installation's own host."""
    return f"{settings.PUBLIC_URL}/signed-in/"


def _new_state(request: HttpRequest, visit: Visit) -> str:
    """A state that nobody can guess, and that tells ``back`` where its browser is waited for."""
    base = f"{request.scheme}://{request.get_host()}{visit.base}"
    return signing.dumps([uuid4().hex, base], salt=_STATE_SALT)


def _kept_sign_in(request: HttpRequest, visit: Visit) -> tuple[SignIn, str] | None:
    """The sign-in that this browser has begun in this campaign, and where it leads to."""
    try:
        kept: dict[str, Any] = signing.loads(
            request.COOKIES.get(SIGN_IN_COOKIE, ""), salt=_COOKIE_SALT, max_age=SIGN_IN_TIME
        )
    except (signing.BadSignature, ValueError):
        return None
    if kept["campaign"] != visit.campaign.pk:
        return None
    return SignIn(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"]), kept["to"]


def _finish(request: HttpRequest, visit: Visit, issuer: Issuer, begun: SignIn, to: str) -> HttpResponse:
    """Do what the issuer's answer to a sign-in of this very browser says."""
    if "error" in request.GET:
        return _ask_to_sign_in(request, visit, PROBLEMS.get(request.GET["error"], "refused"))
    try:
        code = request.GET.get("code", "")
        account = account_of(subject_of_code(issuer, begun, code=code, redirect_uri=redirect_uri()))
    except Refusal as refusal:
        problem = {CodeRefused: "over", IssuerAway: "away"}.get(type(refusal), "refused")
        log.warning("fan_not_signed_in", issuer=issuer.name, problem=problem, reason=type(refusal).__name__)
        return _ask_to_sign_in(request, visit, problem)
    response = _open_known(visit, account, to=to) or _begin_entry(request, visit, account)
    response.delete_cookie(SIGNED_OUT_COOKIE, path=visit.base, samesite="Lax")
    return response


def _open_known(visit: Visit, account: Account, *, to: str = "entry") -> HttpResponse | None:
    """Open the entry of an account, if it has one here."""
    entry = own_entry.entry_of_account(visit.published, account)
    if entry is None:
        return None
    response = open_entry(visit, entry, is_signed_in=True)
    response.headers["Location"] = f"{visit.base}{DESTINATIONS[to]}"
    response.delete_cookie(ACCOUNT_COOKIE, path=visit.base, samesite="Lax")
    return response


def _begin_entry(request: HttpRequest, visit: Visit, account: Account) -> HttpResponse:
    """Lead to the form, if there is one now."""
    if stage_of(visit) != Status.OPEN:
        return _ask_to_sign_in(request, visit, "nobody")
    response = _to(f"{visit.base}register/")
    token = account_token(account, campaign_id=visit.campaign.pk)
    set_cookie(response, ACCOUNT_COOKIE, token, visit, timedelta(minutes=ACCOUNT_MINUTES))
    return response


def _register(request: HttpRequest, visit: Visit, account: Account) -> HttpResponse:
    form = replace(form_sent_by(request, visit), account=account)
    if "add_city" in request.POST:
        return _show_form(request, visit, _shown(visit, form, account, more_cities=True))
    try:
        entry = own_entry.register_account(published=visit.published, form=form, now=visit.now)
    except Invalid as invalid:
        shown = _shown(visit, form, account, errors=invalid.errors)
        return _show_form(request, visit, shown, status=invalid.status)
    except (WrongPassword, TooManyTries) as wrong:
        shown = _shown(visit, form, account, errors={wrong.field: [visit.words_of(wrong)]})
        return _show_form(request, visit, shown, status=wrong.status)
    except CannotRegister as closed:
        return show_landing(request, visit, None, refusal=visit.words_of(closed), status=closed.status)
    except TooManyChanges as refusal:
        shown = _shown(visit, form, account)
        return _show_form(request, visit, shown, refusal=visit.words_of(refusal), status=refusal.status)
    response = open_entry(visit, entry, is_signed_in=True)
    response.delete_cookie(ACCOUNT_COOKIE, path=visit.base, samesite="Lax")
    return response


def _shown(
    visit: Visit,
    form: Form,
    account: Account,
    *,
    errors: dict[str, list[str]] | None = None,
    more_cities: bool = False,
) -> ShownForm:
    """What she sent, as the page shows it again."""
    if more_cities:
        return fan_forms.as_of_account(fan_forms.form_with_another_city(visit.published, form), account)
    return fan_forms.as_of_account(fan_forms.form_with_errors(visit.published, form, errors or {}), account)


def _show_form(
    request: HttpRequest, visit: Visit, form: ShownForm, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    context = {"form": form, "refusal": refusal, "stage": Status.OPEN}
    return keep_for_nobody(visit.page(request, "fan/sign_in_form.html", context, status=status))


def _ask_to_sign_in(request: HttpRequest, visit: Visit, problem: str) -> HttpResponse:
    """A page with words for what has happened, and a button to sign in."""
    context = {"problem": problem, "stage": stage_of(visit)}
    return keep_for_nobody(visit.page(request, "fan/sign_in.html", context, status=STATUSES[problem]))


def _to(address: str) -> HttpResponse:
    return keep_for_nobody(HttpResponseRedirect(address, status=303))
