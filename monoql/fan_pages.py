"""The pages by which fans come in: landing and form, "check your mail", the mailed link, and signing out.

What a fan does and reads once she is known stands in ``monoql.fan_own_entry``.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST
from rest_framework.throttling import BaseThrottle

from campaigns.models import Campaign, Market, Tracker
from campaigns.passwords import TooManyTries, WrongPassword
from core.refusal import Invalid, Refusal
from entries import own_entry, registration
from entries.form import Form
from entries.mail_codes import confirm_by_code
from entries.models import Entry
from entries.proof import FAN_DAYS, BadLink, Proof, fan_token, read_fan_token, read_link
from entries.receipts import signing_key
from entries.registration import CannotRegister
from monoql import fan_forms, fan_trackers
from monoql.fan_forms import ShownForm
from monoql.fan_visit import (
    Visit,
    fan_page,
    keep_for_everybody,
    keep_for_nobody,
    refuse_other_sites,
    refuse_other_sites_in_private,
)

FAN_COOKIE = "monoql_fan"
POLICY = "Content-Security-Policy"
ADDRESS_COOKIE = "monoql_address"
ADDRESS_MINUTES = 60
"""As long as the code of the mail works."""
ACCOUNT_COOKIE = "monoql_account"
"""Who has signed in with an account and has no entry yet; see ``monoql.fan_account``."""
SIGNED_OUT_COOKIE = "monoql_signed_out"
"""Set for a while after signing out: the issuer of accounts may still believe to know who sits there."""
SIGNED_OUT_FOR = timedelta(hours=1)
Status = Campaign.Status


@require_http_methods(["GET", "HEAD", "POST"])
@fan_page
@refuse_other_sites
def landing(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Answers "can I take part, until when, and what do I do?", and takes the form."""
    if request.method != "POST":
        return keep_for_everybody(_kept_landing(request, visit), visit)
    if visit.is_by_account:
        return keep_for_nobody(HttpResponseRedirect(f"{visit.base}register/", status=303))
    form_sent = form_sent_by(request, visit)
    if "add_city" in request.POST:
        form = fan_forms.form_with_another_city(visit.published, form_sent)
        return keep_for_nobody(show_landing(request, visit, form))
    return keep_for_nobody(_register(request, visit, form_sent))


@require_http_methods(["GET", "HEAD", "POST"])
@fan_page
@refuse_other_sites_in_private
def check_mail(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Says that a mail is on its way, in the same words whether the address was known or not, and takes its code."""
    address, member_id = _who_wrote(request)
    refused: Refusal | None = None
    if request.method == "POST" and address:
        try:
            entry = confirm_by_code(
                published=visit.published,
                email=address,
                member_id=member_id,
                code=request.POST.get("code", ""),
                now=visit.now,
            )
            return open_entry(visit, entry)
        except Refusal as refusal:
            refused = refusal
    context = {
        "address": address,
        "mails_link": _mails_link(address) if settings.DEVELOPMENT else "",
        "errors": [visit.words_of(refused)] if refused is not None else [],
    }
    status = refused.status if refused is not None else 200
    return keep_for_nobody(visit.page(request, "fan/check_mail.html", context, status=status))


@require_POST
@fan_page
@refuse_other_sites_in_private
def send_link(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Mails the way back to an entry, and says so whether there is one or not. Whoever has an account signs in."""
    if visit.is_by_account:
        return keep_for_nobody(HttpResponseRedirect(f"{visit.base}entry/", status=303))
    email, member_id = request.POST.get("email", ""), request.POST.get("member_id", "")
    try:
        registration.send_link(published=visit.published, email=email, member_id=member_id, now=visit.now)
    except Invalid as invalid:
        context = {"stage": stage_of(visit), "email": email, "member_id": member_id, "errors": invalid.errors}
        return keep_for_nobody(visit.page(request, "fan/no_entry.html", context, status=invalid.status))
    return keep_for_nobody(visit.page(request, "fan/link_sent.html", {"email": email}))


@require_http_methods(["GET", "HEAD", "POST"])
@fan_page
@refuse_other_sites_in_private
def confirm(request: HttpRequest, visit: Visit, token: str) -> HttpResponse:
    """Shows one button, since mail scanners follow links too; pressing it proves the address and opens the entry."""
    try:
        if request.method == "POST":
            entry = own_entry.confirm(published=visit.published, token=token, now=visit.now)
            return open_entry(visit, entry)
        return keep_for_nobody(_show_link(request, visit, read_link(token, campaign=visit.campaign)))
    except BadLink as bad:
        words = visit.words_of(bad)
        context = {"own_words": words if words != bad.message else "", "stage": stage_of(visit)}
        return keep_for_nobody(visit.page(request, "fan/bad_link.html", context, status=bad.status))


@require_POST
@fan_page
@refuse_other_sites_in_private
def sign_out(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Forgets the fan on this device."""
    response = HttpResponseRedirect(visit.base, status=303)
    response.delete_cookie(FAN_COOKIE, path=visit.base, samesite="Lax")
    response.delete_cookie(ADDRESS_COOKIE, path=visit.base, samesite="Lax")
    response.delete_cookie(ACCOUNT_COOKIE, path=visit.base, samesite="Lax")
    if visit.is_by_account:
        set_cookie(response, SIGNED_OUT_COOKIE, "1", visit, SIGNED_OUT_FOR)
    return keep_for_nobody(response)


def form_sent_by(request: HttpRequest, visit: Visit) -> Form:
    """What a browser sent, and from where."""
    asker = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]  # It reads two headers.
    return replace(fan_forms.read_form(request.POST, visit.published, visit.locale), asker=asker)


def stage_of(visit: Visit) -> Campaign.Status:
    """The campaign's state as a fan meets it: past its close it takes nobody, even if the clock is late."""
    status = Status(visit.campaign.status)
    return Status.CLOSED if status == Status.OPEN and not visit.campaign.is_accepting(visit.now) else status


def show_landing(
    request: HttpRequest,
    visit: Visit,
    form: ShownForm | None,
    *,
    refusal: str = "",
    status: int = 200,
    trackers: Sequence[Tracker] = (),
) -> HttpResponse:
    """The landing page with a form, or with the words for why it was not taken; with trackers, it asks for consent."""
    # What a process keeps in memory may be seconds old: a form that is gone was refused by the campaign's true state.
    stage = Status.CLOSED if refusal and form is None else stage_of(visit)
    context = landing_context(visit, stage, form)
    asks = {"tracker_names": fan_trackers.names_of(trackers), "tracker_tags": fan_trackers.tags_of(trackers)}
    response = visit.page(request, "fan/landing.html", {**context, **asks, "refusal": refusal}, status=status)
    if trackers:
        response.headers[POLICY] = fan_trackers.policy_with(trackers)
    return response


def _kept_landing(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The landing page as everybody meets it, rendered once for as long as the campaign is kept in memory."""
    stage = stage_of(visit)
    kept = visit.published.answers
    key = ("landing", visit.locale.code, visit.base, stage)
    if key not in kept:
        is_shown = stage == Status.OPEN and not visit.is_by_account
        form = fan_forms.empty_form(visit.published) if is_shown else None
        page = show_landing(request, visit, form, trackers=visit.published.trackers)
        kept[key] = (page.content, dict(page.headers))
    content, headers = kept[key]
    return HttpResponse(content, headers=headers)


def landing_context(visit: Visit, stage: Campaign.Status, form: ShownForm | None) -> dict[str, object]:
    """What the landing page shows at a stage of the campaign's life."""
    is_sign_in = stage == Status.OPEN and visit.is_by_account and not (form and form.is_change)
    return {
        "stage": stage,
        "form": form if stage == Status.OPEN and not is_sign_in else None,
        "is_sign_in": is_sign_in,
        "own_text": visit.own_text(stage.value),
        "seals": _seals(visit.campaign),
        "signing_key": signing_key(),
    }


def _register(request: HttpRequest, visit: Visit, form: Form) -> HttpResponse:
    try:
        registration.register(published=visit.published, form=form, now=visit.now)
    except Invalid as invalid:
        shown = fan_forms.form_with_errors(visit.published, form, invalid.errors)
        return show_landing(request, visit, shown, status=invalid.status)
    except (WrongPassword, TooManyTries) as wrong:
        errors = {wrong.field: [visit.words_of(wrong)]}
        shown = fan_forms.form_with_errors(visit.published, form, errors)
        return show_landing(request, visit, shown, status=wrong.status)
    except CannotRegister as closed:
        return show_landing(request, visit, None, refusal=visit.words_of(closed), status=closed.status)
    response = HttpResponseRedirect(f"{visit.base}check-mail/", status=303)
    set_cookie(
        response,
        ADDRESS_COOKIE,
        signing.dumps([str(form.email).strip(), str(form.member_id).strip()], salt=ADDRESS_COOKIE),
        visit,
        timedelta(minutes=ADDRESS_MINUTES),
    )
    return response


def _who_wrote(request: HttpRequest) -> tuple[str, str]:
    """The address and the member number that were just registered from this device; empty after a while."""
    try:
        address, member_id = signing.loads(
            request.COOKIES.get(ADDRESS_COOKIE, ""), salt=ADDRESS_COOKIE, max_age=ADDRESS_MINUTES * 60
        )
    except (signing.BadSignature, ValueError, TypeError):
        return "", ""
    return str(address), str(member_id)


def _show_link(request: HttpRequest, visit: Visit, proof: Proof) -> HttpResponse:
    """What following a link would do, without doing it."""
    entry = (
        Entry.objects.select_related("locale")
        .filter(pk=proof.entry_id, campaign=visit.campaign, erased_at=None)
        .first()
    )
    if entry is None:
        raise BadLink("")
    waiting = own_entry.waiting_submission(entry, proof.submission_id)
    is_known = read_fan_token(request.COOKIES.get(FAN_COOKIE, ""), campaign_id=visit.campaign.pk) == entry.ref
    if is_known and waiting is None and entry.email_confirmed_at is not None:
        return HttpResponseRedirect(f"{visit.base}entry/")
    context = {
        "is_first_proof": entry.email_confirmed_at is None,
        "is_change": waiting is not None and entry.email_confirmed_at is not None,
        "cities": cities_of(visit, (waiting or entry).choices),
        "stage": stage_of(visit),
    }
    return visit.in_language_of(entry).page(request, "fan/confirm.html", context)


def open_entry(visit: Visit, entry: Entry, *, is_signed_in: bool = False) -> HttpResponse:
    """Have a browser know its fan from now on, and lead her to her entry."""
    response = HttpResponseRedirect(f"{visit.base}entry/", status=303)
    token = fan_token(campaign_id=visit.campaign.pk, ref=entry.ref, is_signed_in=is_signed_in)
    set_cookie(response, FAN_COOKIE, token, visit, timedelta(days=FAN_DAYS))
    response.delete_cookie(ADDRESS_COOKIE, path=visit.base, samesite="Lax")
    return keep_for_nobody(response)


def entry_of_fan(request: HttpRequest, visit: Visit) -> Entry | None:
    """The entry that the fan's cookie names, if she has proved its address."""
    ref = read_fan_token(request.COOKIES.get(FAN_COOKIE, ""), campaign_id=visit.campaign.pk)
    if ref is None:
        return None
    return own_entry.entry_of_ref(visit.campaign, ref)


def cities_of(visit: Visit, choices: Sequence[int]) -> list[Market]:
    """The markets that an entry names, in its order."""
    markets = visit.published.market_of_number
    return [markets[number] for number in choices if number in markets]


def _seals(campaign: Campaign) -> Sequence[str]:
    """The draw's commitments, in order; none before the campaign has opened for the first time."""
    sealed = getattr(campaign, "draw_secrets", None)
    return list(sealed.commitments) if sealed is not None else []


def _mails_link(address: str) -> str:
    """Where a development machine shows the mail; nobody gets such a link elsewhere."""
    return f"{settings.PUBLIC_URL}/mail/?{urlencode({'to': address})}"


def set_cookie(response: HttpResponse, name: str, value: str, visit: Visit, age: timedelta) -> None:
    """Have a browser keep something for this campaign alone, where no script reads it."""
    response.set_cookie(
        name, value, max_age=age, path=visit.base, secure=settings.IS_HTTPS, httponly=True, samesite="Lax"
    )
