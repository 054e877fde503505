"""The pages that give one fan a code, replace it, or take it back. They hang on her entry's page."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from campaigns.admin_pages.confirming import Step, confirm
from campaigns.admin_pages.scoped import PageAdmin
from campaigns.models import Campaign
from codes import inventory
from codes.models import POOL_SPAN, Assignment, Hold, Pool
from core.admin_base import Page
from core.admin_forms import styled
from core.masking import masked_end
from entries.models import Entry
from viewers.permissions import Action, visible
from waves.by_hand import give, replace, take_back

MOST_ID = 2**63 - 1


class GiveForm(forms.Form):
    """From which pool, and why."""

    pool = forms.ChoiceField(label="Code for")
    reason = forms.CharField(
        label="Why",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It stays in the history of her entry; she does not read it.",
    )

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = campaign.pools.select_related("market__venue", "event")
        self.pools = {str(pool.pk): pool for pool in rows.order_by("market__number", "event__number", "pk")}
        free = inventory.counts_by_pool(campaign)
        menu = [(key, f"{pool} · {free[pool.pk]['available']:,} free") for key, pool in self.pools.items()]
        self.fields["pool"].choices = [("", "Choose"), *menu]  # type: ignore[attr-defined]  # A menu has choices.
        styled(self)

    def chosen(self) -> Pool:
        """The pool that was chosen."""
        return self.pools[self.cleaned_data["pool"]]


@admin.register(Assignment)
class AssignmentAdmin(PageAdmin[Assignment]):
    """A fan's code. It has no list and no page of its own: it stands on her entry's page."""

    section = "entries"
    view_right = Action.MANAGE_CODES
    campaign_path = "hold__campaign_id"
    pages = (
        Page("give/<int:entry_id>/", "give_page", Action.MANAGE_CODES, is_dangerous=True),
        Page("<path:object_id>/replace/", "replace_page", Action.MANAGE_CODES, is_dangerous=True),
        Page("<path:object_id>/take-back/", "take_back_page", Action.MANAGE_CODES, is_dangerous=True),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Assignment]:
        """With the campaign and the code, of which a page shows the end."""
        return super().get_queryset(request).select_related("hold__campaign", "code", "market__venue", "event")

    def campaign_id_of(self, obj: Assignment) -> int | None:
        """The campaign of its hold."""
        return obj.hold.campaign_id

    def campaign_of(self, request: HttpRequest, obj: Assignment | None = None) -> Campaign | None:
        """The same, with its row."""
        return obj.hold.campaign if obj is not None else super().campaign_of(request)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is no list: entries and codes have theirs."""
        return self.not_found(request) if self.has_view_permission(request) else self.not_allowed(request)

    def object_page(self, request: HttpRequest, assignment: Assignment) -> HttpResponse:
        """Leads to the entry."""
        return HttpResponseRedirect(self._entry_page(assignment.entry_id))

    def _entry_page(self, entry_id: int) -> str:
        return reverse("admin:entries_entry_change", args=[entry_id])

    # Operations

    def give_page(self, request: HttpRequest, *, entry_id: int) -> HttpResponse:
        """Asks which pool and why, and gives one code."""
        entries = visible(self.actor(request), Entry.objects.select_related("campaign"))
        entry = entries.filter(pk=min(entry_id, MOST_ID)).first()
        if entry is None:
            return self.not_found(request)
        campaign = entry.campaign
        if not self.may_in(request, Action.MANAGE_CODES, campaign.pk):
            return self.not_allowed(request)
        form = GiveForm(campaign, *([request.POST] if request.method == "POST" else []))

        def do() -> str:
            reason = form.cleaned_data["reason"]
            give(entry=entry, pool=form.chosen(), reason=reason, actor=self.actor(request), now=timezone.now())
            messages.success(request, "She has a code. A mail tells her.")
            return self._entry_page(entry.pk)

        return self.form_page(
            request,
            form,
            do,
            title=f"Give a code to entry {entry.ref[:8]}…",
            intro="She gets the next free code, on her page and by mail. In later waves she counts as selected.",
            button="Give a code",
            back=self._entry_page(entry.pk),
            **self.workspace(campaign),
        )

    def replace_page(self, request: HttpRequest, assignment: Assignment) -> HttpResponse:
        """Asks why, and gives her another code in the place of a faulty one."""
        is_hers = assignment.hold.status == Hold.Status.ASSIGNED
        pool = Pool.objects.select_related("market__venue", "event").get(pk=assignment.code_id // POOL_SPAN)
        free = inventory.counts(pool.ranges.all())["available"]
        told = "She reads the new one on her page, and a mail tells her." if is_hers else "She has not seen it yet."
        return self._confirm(
            request,
            assignment,
            title=f"Replace code {masked_end(assignment.code.value)}",
            facts=[
                f"A free code of {pool} takes its place: {free:,} {'is' if free == 1 else 'are'} free.",
                told,
                "The old code is revoked. That cannot be undone.",
            ],
            button="Replace",
            operation=lambda reason: replace(
                assignment=assignment, reason=reason, actor=self.actor(request), now=timezone.now()
            ),
            done="She has another code. The old one is revoked.",
        )

    def take_back_page(self, request: HttpRequest, assignment: Assignment) -> HttpResponse:
        """Asks why, and takes her code back."""
        return self._confirm(
            request,
            assignment,
            title=f"Take back code {masked_end(assignment.code.value)}",
            facts=[
                "She loses the code: her page no longer shows it, and a mail tells her.",
                "The code is revoked, and nobody else gets it. Her place is not filled again.",
                "This cannot be undone. She can be given another code afterwards.",
            ],
            button="Take back",
            operation=lambda reason: take_back(
                assignment=assignment, reason=reason, actor=self.actor(request), now=timezone.now()
            ),
            done="The code is taken back and revoked.",
            asks_name=True,
        )

    def _confirm(self, request: HttpRequest, assignment: Assignment, **words: Any) -> HttpResponse:
        step = Step(
            campaign=assignment.hold.campaign,
            back=self._entry_page(assignment.entry_id),
            is_grave=True,
            asks_reason="Why",
            needs_reason=True,
            **words,
        )
        return confirm(self, request, step, section=self.section)
