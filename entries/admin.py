"""Entries, to read: the list hides who they are, an entry's page shows it to whoever may see personal data."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import secrets
from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.gates import answer_badge
from campaigns.admin_pages.scoped import PageAdmin
from campaigns.models import Campaign, DrawSecrets, Field, Market
from core.admin_base import Page
from core.admin_times import zoned
from core.admin_words import badge
from core.masking import masked_email, masked_end, masked_text
from core.refusal import Refusal
from entries.consents import texts_of
from entries.identifiers import BadIdentifier, fan_key, normalize_email, normalize_number, ref_of
from entries.leaving import block, erase, unblock
from entries.models import Entry, GateAnswer, Message, Score, Submission
from entries.revealing import Reason, reveal
from entries.standing import Standing, standing_of
from viewers.permissions import Action

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList
else:
    from unfold.views import ChangeList

REF_DIGITS = 32
MOST_SHOWN = 50
STANDING_KINDS = {
    Standing.COUNTS: "good",
    Standing.UNCONFIRMED: "warn",
    Standing.WITHDRAWN: "plain",
    Standing.BLOCKED: "bad",
    Standing.GATE_FAILED: "bad",
    Standing.GATE_PENDING: "warn",
}


def standing_badge(entry: Entry) -> SafeString:
    """Whether an entry counts, or why not, as a coloured word."""
    if entry.erased_at is not None:
        return badge("erased")
    standing = standing_of(entry)
    return badge(standing, STANDING_KINDS[standing])


def is_ref(term: str) -> bool:
    """Whether a term of a search has the form of a ref."""
    text = term.strip().lower()
    return len(text) == REF_DIGITS and all(letter in "0123456789abcdef" for letter in text)


def ref_sought(term: str, campaign: Campaign) -> str:
    """The ref of a search: the term itself, or that of the identifier whose normal form it has."""
    text = term.strip()
    if is_ref(text):
        return text.lower()
    normalize = normalize_email if campaign.identifier_type == Campaign.IdentifierType.EMAIL else normalize_number
    try:
        identifier = normalize(text)
        salt = secrets.salt_of(campaign)
    except (BadIdentifier, DrawSecrets.DoesNotExist):
        return ""
    return ref_of(fan_key=fan_key(salt=salt, identifier=identifier), identifier=identifier)


class StateFilter(admin.SimpleListFilter):
    """By the reason that keeps an entry out, or that it counts."""

    title = "state"
    parameter_name = "state"
    CONDITIONS = {
        "confirmed": Q(email_confirmed_at__isnull=False, withdrawn_at=None, blocked_at=None),
        "unconfirmed": Q(email_confirmed_at=None, withdrawn_at=None, blocked_at=None),
        "withdrawn": Q(withdrawn_at__isnull=False),
        "blocked": Q(blocked_at__isnull=False),
        "erased": Q(erased_at__isnull=False),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [
            ("confirmed", "address confirmed"),
            ("unconfirmed", "address not confirmed"),
            ("withdrawn", "withdrawn"),
            ("blocked", "blocked"),
            ("erased", "erased"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """The entries of the chosen state."""
        condition = self.CONDITIONS.get(self.value() or "")
        return queryset.filter(condition) if condition is not None else queryset


def markets_of(request: HttpRequest, campaign: Campaign | None) -> list[Market]:
    """The campaign's markets, fetched once a request: the filter and every row name them."""
    if campaign is None:
        return []
    kept: dict[int, list[Market]] = request.__dict__.setdefault("_markets_of", {})
    if campaign.pk not in kept:
        kept[campaign.pk] = list(campaign.markets.select_related("venue").order_by("number"))
    return kept[campaign.pk]


class MarketFilter(admin.SimpleListFilter):
    """By a market that the entry names at any place."""

    title = "market"
    parameter_name = "market"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The campaign's markets."""
        markets = markets_of(request, model_admin.campaign_of(request))
        return [(str(market.number), f"{market.code} · {market}") for market in markets]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        """The entries that name the chosen market."""
        value = self.value() or ""
        return queryset.filter(choices__contains=[int(value)]) if value.isdigit() else queryset


class EntryList(ChangeList):
    """A page of entries, with the names of the markets on it."""

    def get_results(self, request: HttpRequest) -> None:
        """Fetch the page, then the campaign's market codes."""
        super().get_results(request)
        entries: list[Any] = list(self.result_list)
        self.result_list = entries
        if entries:
            codes = {market.number: market.code for market in markets_of(request, entries[0].campaign)}
            for entry in entries:
                entry.market_codes = [codes.get(number, "?") for number in entry.choices]


@admin.register(Entry)
class EntryAdmin(PageAdmin[Entry]):
    """What fans submitted. Large: it is never counted whole, and searched by exact key alone."""

    section = "entries"
    empty_note = "Every fan who registers stands here."
    list_display = ("ref_column", "fan_column", "state_column", "choices_column", "locale_column", "at_column")
    list_select_related = ("campaign",)
    list_filter = (StateFilter, MarketFilter)
    search_fields = ("ref",)
    search_help_text = "A whole e-mail address, or a ref"
    ordering = ("ref",)
    sortable_by = ()
    pages = (
        Page("<path:object_id>/reveal/", "reveal_page", Action.SEE_PERSONAL_DATA),
        Page("<path:object_id>/block/", "block_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/unblock/", "unblock_page", Action.RUN_WAVES, is_dangerous=True),
        Page("<path:object_id>/erase/", "erase_page", Action.SEE_PERSONAL_DATA, is_dangerous=True),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list that knows market codes."""
        return EntryList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        """The one entry whose ref or identifier was typed: one step in the unique index."""
        campaign = self.campaign_of(request)
        if not search_term or campaign is None:
            return queryset, False
        # Whoever may not see addresses cannot find out by searching whether one is registered.
        is_personal = not is_ref(search_term)
        if is_personal and not self.may_in(request, Action.SEE_PERSONAL_DATA, campaign.pk):
            messages.warning(request, "Search by ref: to find an address, the right to see personal data is needed.")
            return queryset.none(), False
        ref = ref_sought(search_term, campaign)
        return (queryset.filter(campaign=campaign, ref=ref) if ref else queryset.none()), False

    def object_page(self, request: HttpRequest, entry: Entry) -> HttpResponse:
        """An entry's own page, masked."""
        return self._page(request, entry, sees=False)

    def reveal_page(self, request: HttpRequest, entry: Entry) -> HttpResponse:
        """The same page, once, with what is personal; the look is written in the history."""
        if request.method == "POST":
            try:
                reason = request.POST.get("reason", "")
                reveal(entry=entry, reason=reason, actor=self.actor(request), now=timezone.now())
                return self._page(request, entry, sees=True)
            except Refusal as refusal:
                messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse("admin:entries_entry_change", args=[entry.pk]))

    def _page(self, request: HttpRequest, entry: Entry, *, sees: bool) -> HttpResponse:
        run = entry.campaign.score_runs.filter(is_current=True).first()
        score = Score.objects.filter(run=run, entry=entry).first() if run is not None else None
        context = self.page_context(
            request,
            f"Entry {entry.ref[:8]}…",
            original=entry,
            entry=entry,
            state=standing_badge(entry),
            sees_personal_data=sees,
            may_reveal=self.may(request, Action.SEE_PERSONAL_DATA, entry),
            may_block=self.may(request, Action.RUN_WAVES, entry) and entry.campaign.status != Campaign.Status.FINISHED,
            reasons=Reason.choices,
            name=entry.name if sees else masked_text(entry.name),
            email=entry.email if sees else masked_email(entry.email),
            phone=entry.phone if sees else masked_end(entry.phone),
            number=_number_of(entry, sees=sees),
            consents=_consents_of(entry),
            choices=_choices_of(entry),
            answers=_answers_of(entry, sees=sees),
            score=score,
            gate_answers=_gate_answers_of(entry),
            waiting=Submission.objects.filter(entry=entry, applied_at=None).order_by("-pk")[:MOST_SHOWN],
            sent=Message.objects.filter(entry=entry).order_by("-pk")[:MOST_SHOWN],
            **self.workspace(entry.campaign),
        )
        return TemplateResponse(request, "admin/entries/entry/page.html", context)

    # Operations

    def block_page(self, request: HttpRequest, entry: Entry) -> HttpResponse:
        """Asks why, and puts her on the filter list."""
        return self._confirm(
            request,
            entry,
            title=f"Block entry {entry.ref[:8]}…",
            facts=[
                "It goes on the filter list and takes part in no draw. She is not told.",
                "A place that a wave has for her and that is not triggered yet is void, even if she is let back later.",
                "A code that she has already stays hers: take it back on her page if it must not.",
            ],
            button="Block",
            operation=lambda reason: block(entry=entry, reason=reason, actor=self.actor(request), now=timezone.now()),
            done="The entry is on the filter list.",
        )

    def unblock_page(self, request: HttpRequest, entry: Entry) -> HttpResponse:
        """Asks why, and takes her off the filter list."""
        return self._confirm(
            request,
            entry,
            title=f"Let entry {entry.ref[:8]}… back",
            facts=[
                "It leaves the filter list and takes part in the draws to come.",
                "A place that became void meanwhile stays void.",
            ],
            button="Let back",
            operation=lambda reason: unblock(entry=entry, reason=reason, actor=self.actor(request), now=timezone.now()),
            done="The entry is off the filter list.",
        )

    def erase_page(self, request: HttpRequest, entry: Entry) -> HttpResponse:
        """Asks why and for the campaign's name, and takes out of the entry who she is."""
        return self._confirm(
            request,
            entry,
            title=f"Erase entry {entry.ref[:8]}…",
            facts=[
                "Name, addresses, numbers, answers and consents go. Ref and cities stay, so that draws can be checked.",
                "A place that a wave has for her and that is not triggered yet is void.",
                "Files that were exported before still have her: delete these yourself.",
                "This cannot be undone. She can register again while the campaign is open.",
            ],
            button="Erase",
            operation=lambda reason: erase(entry=entry, reason=reason, actor=self.actor(request), now=timezone.now()),
            done="Nothing in the entry tells any more who she is.",
            asks_name=True,
        )

    def _confirm(self, request: HttpRequest, entry: Entry, **words: Any) -> HttpResponse:
        back = reverse("admin:entries_entry_change", args=[entry.pk])
        step = Step(campaign=entry.campaign, back=back, is_grave=True, asks_reason="Why", needs_reason=True, **words)
        return confirm(self, request, step, section=self.section)

    # Columns

    @admin.display(description="entry")
    def ref_column(self, entry: Entry) -> SafeString:
        """The first digits of its ref."""
        return format_html('<code title="{}">{}…</code>', entry.ref, entry.ref[:8])

    @admin.display(description="fan")
    def fan_column(self, entry: Entry) -> SafeString:
        """Masked name, address and phone."""
        return format_html(
            '<bdi>{}</bdi><span class="mq-soft mq-block"><bdi>{}</bdi> {}</span>',
            masked_text(entry.name),
            masked_email(entry.email),
            masked_end(entry.phone),
        )

    @admin.display(description="state")
    def state_column(self, entry: Entry) -> SafeString:
        """Whether it counts, or why not."""
        return standing_badge(entry)

    @admin.display(description="cities, favourite first")
    def choices_column(self, entry: Any) -> str:
        """Market codes in her order."""
        return " › ".join(entry.market_codes)

    @admin.display(description="locale")
    def locale_column(self, entry: Entry) -> str:
        """The language she chose."""
        return str(entry.locale_id)

    @admin.display(description="registered")
    def at_column(self, entry: Entry) -> str:
        """When, in the campaign's zone."""
        return zoned(entry.created_at, entry.campaign.zone)


def _choices_of(entry: Entry) -> list[Market | None]:
    markets = {market.number: market for market in entry.campaign.markets.select_related("venue").order_by("number")}
    return [markets.get(number) for number in entry.choices]


def _number_of(entry: Entry, *, sees: bool) -> str:
    """The member or account number by which the campaign knows the fan; empty where that is her address."""
    if entry.campaign.identifier_type == Campaign.IdentifierType.EMAIL:
        return ""
    return entry.identifier if sees else masked_end(entry.identifier)


def _consents_of(entry: Entry) -> list[tuple[str, datetime]]:
    """The words that the fan agreed to, and when."""
    words = texts_of(entry.campaign, entry.consents) if entry.consents else {}
    return [(words[key], datetime.fromisoformat(consent["at"])) for key, consent in entry.consents.items()]


def _gate_answers_of(entry: Entry) -> list[tuple[GateAnswer, SafeString]]:
    """What each gate said of an entry, in the order of the gates."""
    found = entry.gate_answers.select_related("gate__other_campaign").order_by("gate__number", "gate_id")
    return [(answer, answer_badge(answer.answer)) for answer in found]


def _answers_of(entry: Entry, *, sees: bool) -> list[tuple[str, str]]:
    """Each question with its answer, those of before a change too; personal ones only for whoever may see them."""
    fields: dict[str, Field] = {field.key: field for field in entry.campaign.fields.order_by("number", "pk")}
    rows = []
    for key, field in fields.items():
        if key in entry.answers:
            text = _answer_text(field, entry.answers[key])
            asked = field.label if field.is_active else f"{field.label} (asked no more)"
            rows.append((asked, masked_text(text) if field.is_personal and not sees else text))
    # Nobody knows any more whether a question that is gone was personal.
    gone = {key: str(answer) for key, answer in entry.answers.items() if key not in fields}
    rows += [(f"{key} (a question that is gone)", text if sees else masked_text(text)) for key, text in gone.items()]
    return rows


def _answer_text(field: Field, answer: object) -> str:
    """An answer as staff read it, whatever the question's type was when it was given."""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    labels = {str(option.get("value")): (option.get("labels") or {}).get("en") for option in field.options}
    values = answer if isinstance(answer, list) else [answer]
    return ", ".join(str(labels.get(str(value)) or value) for value in values)
