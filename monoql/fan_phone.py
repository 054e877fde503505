"""The two forms by which a fan confirms her phone on her own page. They work without JavaScript."""

from collections.abc import Callable, Mapping, Sequence

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST
from rest_framework.throttling import BaseThrottle

from core.refusal import Invalid, Refusal
from entries import phone
from entries.models import Entry
from monoql.fan_own_entry import show_entry
from monoql.fan_pages import entry_of_fan
from monoql.fan_visit import Visit, fan_page, keep_for_nobody, refuse_other_sites_in_private


@require_POST
@fan_page
@refuse_other_sites_in_private
def send_code(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Sends a code to the number that stands in the form."""
    number = request.POST.get("number", "")

    def send(visit: Visit, entry: Entry) -> None:
        asker = BaseThrottle().get_ident(request) or ""  # type: ignore[arg-type]  # It reads two headers.
        phone.send_code(published=visit.published, entry=entry, asker=asker, number=number, now=visit.now)

    return _do(request, visit, send, typed=number[:40])


@require_POST
@fan_page
@refuse_other_sites_in_private
def confirm(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Confirms the number by the code of the message."""

    def confirm_by_code(visit: Visit, entry: Entry) -> None:
        phone.confirm_code(published=visit.published, entry=entry, code=request.POST.get("code", ""), now=visit.now)

    return _do(request, visit, confirm_by_code)


def _do(request: HttpRequest, visit: Visit, act: Callable[[Visit, Entry], None], *, typed: str = "") -> HttpResponse:
    """Do what the fan asked for and lead back to her page, or show there why it was not done."""
    entry = entry_of_fan(request, visit)
    back = keep_for_nobody(HttpResponseRedirect(f"{visit.base}entry/#phone", status=303))
    if entry is None:
        return back
    visit = visit.in_language_of(entry)
    with visit.spoken():
        try:
            act(visit, entry)
        except Refusal as refusal:
            entry.refresh_from_db()
            page = show_entry(request, visit, entry, phone_errors=_errors_of(refusal, visit), phone_typed=typed)
            page.status_code = refusal.status
            return keep_for_nobody(page)
    return back


def _errors_of(refusal: Refusal, visit: Visit) -> Mapping[str, Sequence[str]]:
    """Messages by the field of the panel that they stand beside."""
    if isinstance(refusal, Invalid):
        return refusal.errors
    return {refusal.field or "general": [visit.words_of(refusal)]}
