"""The draws of a campaign, for everybody: what was committed to, what was frozen, what came of it, and the means to
check it. And the page on which a named auditor finds the files that a campaign does not give to everybody.

The pages hold nothing of any fan's, so shared caches keep them; a receipt is checked by the page's script alone.
"""

from collections.abc import Callable
from typing import Any

from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from campaigns.models import Campaign, Event, Market
from core.etags import etag_of, or_not_modified
from entries.receipts import signing_key
from monoql import fan_draw_words as words
from monoql.fan_visit import Visit, fan_page, keep_for_everybody, keep_for_nobody
from waves import bundle
from waves.auditors import BadAuditorLink, auditor_of, record_download
from waves.models import Auditor, Draw
from waves.public_draws import PublicDraw, commitments_of, draw_of, draws_of

VERIFIER_SECONDS = 300
"""How long a cache may keep the verifier, which changes with the software alone."""


@require_safe
@fan_page
def draws(request: HttpRequest, visit: Visit) -> HttpResponse:
    """All draws that were ever frozen, the newest first; before any, what was committed to."""
    return _kept(request, visit, ("draws",), lambda: _draws_page(request, visit))


@require_safe
@fan_page
def one_draw(request: HttpRequest, visit: Visit, date_key: str) -> HttpResponse:
    """Answers "was it fair?" with everything that can be known of one draw."""
    return _kept(request, visit, ("draw", date_key), lambda: _draw_page(request, visit, date_key))


@require_safe
@fan_page
def draw_file(request: HttpRequest, visit: Visit, date_key: str, name: str) -> HttpResponse:
    """One file of a draw's bundle, where everybody may have it."""
    public = _draw_or_404(visit, date_key)
    if name not in public.files:
        raise Http404
    content = bundle.small_file(public.draw, name)
    if content is None:
        return _elsewhere(bundle.link_to(public.draw, name))
    return or_not_modified(request, keep_for_everybody(_as_file(content, name), visit))


@require_safe
@fan_page
def verifier(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The one file of Python that runs a bundle again."""
    response = _as_file(bundle.verifier(), bundle.VERIFIER)
    patch_cache_control(response, public=True, max_age=VERIFIER_SECONDS)
    return or_not_modified(request, response)


# For named auditors


@require_safe
@fan_page
def audit(request: HttpRequest, visit: Visit, token: str) -> HttpResponse:
    """The files of all draws, for whoever has an auditor's link."""
    try:
        auditor = auditor_of(token, campaign=visit.campaign, now=visit.now)
    except BadAuditorLink as bad:
        return _bad_link(request, visit, bad)
    found = [(draw, words.day_of_draw(draw, visit.locale), bundle.files_of(draw.draw)) for draw in _all(visit)]
    context = {"auditor": auditor, "draws": found, "base": f"{visit.base}draws/audit/{token}/"}
    return keep_for_nobody(visit.page(request, "fan/draw_audit.html", context))


@require_safe
@fan_page
def audit_file(request: HttpRequest, visit: Visit, token: str, date_key: str, name: str) -> HttpResponse:
    """One file for an auditor; that she fetched it is written down."""
    try:
        auditor = auditor_of(token, campaign=visit.campaign, now=visit.now)
    except BadAuditorLink as bad:
        return _bad_link(request, visit, bad)
    public = _draw_or_404(visit, date_key)
    if name not in bundle.files_of(public.draw):
        raise Http404
    return keep_for_nobody(_fetched(auditor, public.draw, name, visit))


def _fetched(auditor: Auditor, draw: Draw, name: str, visit: Visit) -> HttpResponse:
    record_download(auditor=auditor, draw=draw, name=name, now=visit.now)
    content = bundle.small_file(draw, name)
    return _elsewhere(bundle.link_to(draw, name)) if content is None else _as_file(content, name)


def _bad_link(request: HttpRequest, visit: Visit, bad: BadAuditorLink) -> HttpResponse:
    page = visit.page(request, "fan/draw_bad_link.html", {"problem": visit.words_of(bad)}, status=bad.status)
    return keep_for_nobody(page)


# The pages


def _kept(request: HttpRequest, visit: Visit, name: tuple[str, ...], make: Callable[[], HttpResponse]) -> HttpResponse:
    """A page as everybody meets it, rendered once for as long as the campaign is kept in memory."""
    kept = visit.published.answers
    key = (*name, visit.locale.code, visit.base)
    if key not in kept:
        page = make()
        page.headers["ETag"] = etag_of(page.content)
        kept[key] = (page.content, dict(page.headers))
    content, headers = kept[key]
    return or_not_modified(request, keep_for_everybody(HttpResponse(content, headers=headers), visit))


def _draws_page(request: HttpRequest, visit: Visit) -> HttpResponse:
    found = [(draw, words.day_of_draw(draw, visit.locale)) for draw in _all(visit)]
    return visit.page(request, "fan/draws.html", {"draws": found, **_proof_context(visit, None, [])})


def _draw_page(request: HttpRequest, visit: Visit, date_key: str) -> HttpResponse:
    public = _draw_or_404(visit, date_key)
    lines = words.market_lines(public, _markets_of(public.draw.campaign), locale=visit.locale)
    context = {
        "public": public,
        "draw": public.draw,
        "day": words.day_of_draw(public, visit.locale),
        "rules": words.rules_texts(public, visit.published, locale=visit.locale, fanlist=_fanlist_of(public)),
        "rules_json": bytes(public.draw.rules).decode(),
        "counts": words.counts_of(public),
        "lines": lines,
        **_proof_context(visit, public, lines),
    }
    return visit.page(request, "fan/draw.html", context)


def _proof_context(visit: Visit, public: PublicDraw | None, lines: list[words.MarketLine]) -> dict[str, Any]:
    sealed, key = commitments_of(visit.campaign), signing_key()
    facts = words.facts_for_script(public, lines, visit.campaign, signing_key=key, sealed=sealed)
    return {"sealed": sealed, "signing_key": key, "facts": facts}


def _all(visit: Visit) -> list[PublicDraw]:
    if visit.is_fanlist:
        raise Http404
    return draws_of(visit.campaign)


def _draw_or_404(visit: Visit, date_key: str) -> PublicDraw:
    try:
        return draw_of(visit.campaign, date_key)
    except LookupError as missing:
        raise Http404 from missing


def _markets_of(campaign: Campaign) -> dict[str, Market]:
    """All markets with their dates, those that are not offered any more too."""
    events = Prefetch("events", Event.objects.order_by("number", "pk"))
    markets = campaign.markets.select_related("venue").prefetch_related(events).order_by("number")
    return {market.code: market for market in markets}


def _fanlist_of(public: PublicDraw) -> str:
    """The name of the fan list that a draw was for, if one."""
    kind, _, domain = public.rules.audience.partition(":")
    if kind != "fanlist":
        return ""
    return Campaign.objects.filter(domain=domain).values_list("name", flat=True).first() or ""


def _as_file(content: bytes, name: str) -> HttpResponse:
    kinds = {"json": "application/json", "csv": "text/csv", "py": "text/x-python"}
    kind = kinds[name.rpartition(".")[2]]
    headers = {"ETag": etag_of(content), "Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=f"{kind}; charset=utf-8", headers=headers)


def _elsewhere(url: str) -> HttpResponse:
    response = HttpResponseRedirect(url)
    response.headers["Cache-Control"] = "no-store"
    return response
