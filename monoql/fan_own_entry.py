"""The pages of a fan who is known: her entry and what the draws made of it, its change and withdrawal, her receipts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from campaigns.models import Campaign
from core.refusal import Invalid, Refusal
from entries import own_entry
from entries.models import Entry
from entries.own_entry import CannotWithdraw
from entries.proof import is_signed_in_by
from entries.receipts import registration_receipt
from entries.registration import CannotRegister
from entries.standing import needs_phone
from monoql import fan_forms
from monoql.fan_pages import FAN_COOKIE, cities_of, entry_of_fan, show_landing, stage_of
from monoql.fan_phone_panel import Panel, panel_of
from monoql.fan_visit import (
    Visit,
    fan_page,
    keep_for_nobody,
    refuse_other_sites_in_private,
)
from monoql.fan_words import window_text
from waves.explanation import Outcome, outcomes
from waves.fan_api import receipt_with_outcome
from waves.models import Draw

Status = Campaign.Status


@require_safe
@fan_page
def my_entry(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Answers "am I in, and what happened?" to the fan who has proved her address."""
    entry = entry_of_fan(request, visit)
    if entry is None:
        return _show_no_entry(request, visit)
    visit = visit.in_language_of(entry)
    with visit.spoken():
        return keep_for_nobody(show_entry(request, visit, entry))


@require_http_methods(["GET", "HEAD", "POST"])
@fan_page
@refuse_other_sites_in_private
def change_entry(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The form with what the fan's entry holds. She has proved who she is: what she sends is in force at once."""
    entry = entry_of_fan(request, visit)
    if entry is None or stage_of(visit) != Status.OPEN:
        return keep_for_nobody(HttpResponseRedirect(f"{visit.base}entry/", status=303))
    visit = visit.in_language_of(entry)
    with visit.spoken():
        if request.method != "POST":
            return keep_for_nobody(show_landing(request, visit, fan_forms.form_of_entry(visit.published, entry)))
        return keep_for_nobody(_change(request, visit, entry))


def _change(request: HttpRequest, visit: Visit, entry: Entry) -> HttpResponse:
    form = fan_forms.read_form(request.POST, visit.published, visit.locale)
    form = replace(form, email=form.email or entry.email)
    if "add_city" in request.POST:
        shown = fan_forms.form_with_another_city(visit.published, form)
        return show_landing(request, visit, fan_forms.as_change(shown, entry))
    try:
        own_entry.change(published=visit.published, entry=entry, form=form, now=visit.now)
    except Invalid as invalid:
        shown = fan_forms.form_with_errors(visit.published, form, invalid.errors)
        return show_landing(request, visit, fan_forms.as_change(shown, entry), status=invalid.status)
    except Refusal as refusal:
        stage_shown = None if isinstance(refusal, CannotRegister) else fan_forms.form_of_entry(visit.published, entry)
        words = visit.words_of(refusal)
        return show_landing(request, visit, stage_shown, refusal=words, status=refusal.status)
    return HttpResponseRedirect(f"{visit.base}entry/", status=303)


@require_http_methods(["GET", "HEAD", "POST"])
@fan_page
@refuse_other_sites_in_private
def withdraw_entry(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Asks once, then takes the fan's entry out."""
    entry = entry_of_fan(request, visit)
    if entry is None or entry.withdrawn_at is not None:
        return keep_for_nobody(HttpResponseRedirect(f"{visit.base}entry/", status=303))
    visit = visit.in_language_of(entry)
    with visit.spoken():
        refused = ""
        if request.method == "POST":
            try:
                own_entry.withdraw(published=visit.published, entry=entry, now=visit.now)
                return keep_for_nobody(HttpResponseRedirect(f"{visit.base}entry/", status=303))
            except CannotWithdraw as closed:
                refused = visit.words_of(closed)
        context = {"cities": cities_of(visit, entry.choices), "stage": stage_of(visit), "refused": refused}
        page = visit.page(request, "fan/withdraw.html", context, status=409 if refused else 200)
        return keep_for_nobody(page)


@require_safe
@fan_page
def receipt(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The fan's signed receipt as a file."""
    entry = entry_of_fan(request, visit)
    if entry is None:
        return _show_no_entry(request, visit)
    return _as_file(registration_receipt(entry, visit.published), f"{visit.campaign.domain}-receipt.json")


@require_safe
@fan_page
def draw_receipt(request: HttpRequest, visit: Visit, date_key: str) -> HttpResponse:
    """The fan's receipt of a triggered wave as a file: her line in its list, the proof, and what came of it."""
    entry = entry_of_fan(request, visit)
    if entry is None:
        return _show_no_entry(request, visit)
    triggered = Draw.objects.select_related("wave", "campaign__draw_secrets").filter(wave__triggered_at__isnull=False)
    draw = get_object_or_404(triggered, campaign=visit.campaign, wave__date_key=date_key)
    try:
        found = receipt_with_outcome(draw, entry)
    except LookupError as late:
        raise Http404 from late
    return _as_file(found, f"{visit.campaign.domain}-draw-{draw.number}.json")


def _as_file(content: Mapping[str, object], name: str) -> HttpResponse:
    text = json.dumps(content, ensure_ascii=False, indent=2)
    response = HttpResponse(f"{text}\n", content_type="application/json; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return keep_for_nobody(response)


def _show_no_entry(request: HttpRequest, visit: Visit) -> HttpResponse:
    template = "fan/sign_in.html" if visit.is_by_account else "fan/no_entry.html"
    response = visit.page(request, template, {"stage": stage_of(visit), "problem": "unknown"})
    if FAN_COOKIE in request.COOKIES:
        response.delete_cookie(FAN_COOKIE, path=visit.base, samesite="Lax")
    return keep_for_nobody(response)


def show_entry(
    request: HttpRequest,
    visit: Visit,
    entry: Entry,
    *,
    phone_errors: Mapping[str, Sequence[str]] | None = None,
    phone_typed: str = "",
) -> HttpResponse:
    """A fan's own page; with errors, beside the fields by which she confirms her phone."""
    is_signed_in = is_signed_in_by(request.COOKIES.get(FAN_COOKIE, ""), campaign_id=visit.campaign.pk)
    drawn = outcomes(entry, visit.published, is_signed_in=is_signed_in)
    context = entry_context(visit, entry, drawn, stage_of(visit))
    panel = context["phone"]
    if phone_errors and isinstance(panel, Panel):
        context["phone"] = panel.with_errors(phone_errors, number=phone_typed)
    return visit.page(request, "fan/my_entry.html", context)


def entry_context(visit: Visit, entry: Entry, found: Sequence[Outcome], stage: Campaign.Status) -> dict[str, object]:
    """What a fan's own page shows of her entry, and of the draws that it was in."""
    selected = [outcome for outcome in found if outcome.is_selected]
    # Whoever has a code need not read that a later draw passed her over because of it.
    others = [
        outcome
        for outcome in found
        if not outcome.is_selected and not (selected and outcome.reason == "already_selected")
    ]
    state = _state_of_entry(entry, [*selected, *others])
    asks_phone = stage == Status.OPEN and state in ("email_unconfirmed", "phone_unconfirmed") and needs_phone(entry)
    return {
        "entry": entry,
        "state": state,
        "phone": panel_of(entry, now=visit.now) if asks_phone else None,
        "outcomes": [*selected, *others],
        "cities": cities_of(visit, entry.choices),
        "stage": stage,
        "own_text": _own_text_of_entry(visit, entry, found),
    }


def _state_of_entry(entry: Entry, found: Sequence[Outcome]) -> str:
    """Which answer stands in the first line of the fan's page."""
    if found:
        return "selected" if found[0].is_selected else "not_selected"
    if entry.withdrawn_at is not None:
        return "withdrawn"
    if entry.email_confirmed_at is None:
        return "email_unconfirmed"
    if needs_phone(entry):
        return "phone_unconfirmed"
    if entry.gates_failed:
        return "gate_failed"
    return "gate_pending" if entry.gates_pending else "in"


def _own_text_of_entry(visit: Visit, entry: Entry, found: Sequence[Outcome]) -> SafeString:
    """The operator's words for where the entry stands."""
    selected = next((outcome for outcome in found if outcome.is_selected), None)
    if selected is not None and selected.market is not None:
        start, end = selected.presale_start_at, selected.presale_end_at
        return visit.own_text(
            "selected",
            name=entry.name,
            code=selected.code,
            market=str(selected.market),
            link=selected.link,
            presale=window_text(start, end, selected.zone, locale=visit.locale),
        )
    return visit.own_text("not_selected" if found else "registered", name=entry.name)
