"""The gates of a campaign: what a fan must bring, who answers, and a page to try it."""

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import gating, set_up_rules
from campaigns.admin_pages.catalogue import in_all_languages, language_tabs
from campaigns.admin_pages.ordered import OrderedAdmin
from campaigns.admin_pages.scoped import ScopedForm
from campaigns.gating import Answer, Applicant
from campaigns.models import Campaign, Gate
from core import audit
from core.admin_base import Page
from core.admin_forms import styled
from core.admin_words import badge
from viewers.permissions import Action, visible
from viewers.viewer import viewer_of_request

ANSWER_KINDS = {Answer.PASSES: "good", Answer.FAILS: "bad", Answer.CANNOT_SAY: "warn"}
ANSWER_WORDS = {Answer.PASSES: "passes", Answer.FAILS: "fails", Answer.CANNOT_SAY: "cannot say"}
ANSWER_FOLLOWS = {
    Answer.PASSES: "This fan could register.",
    Answer.FAILS: "This fan is refused, reads the gate's message, and can mend it and try again.",
    Answer.CANNOT_SAY: "This fan's entry is taken and stays pending. The gate is asked again until the first freeze; "
    "an entry that is still pending there counts as failed.",
}
WANTED_KINDS = (Gate.Kind.CARD_TYPE, Gate.Kind.LINKED_ACCOUNT, Gate.Kind.IDV_TIER, Gate.Kind.FAN_CLUB)


def answer_badge(answer: str) -> SafeString:
    """What a gate said, as a coloured word."""
    return badge(ANSWER_WORDS[Answer(answer)], ANSWER_KINDS[Answer(answer)])


def applying_inputs() -> dict[str, list[str]]:
    """For each kind the names of the inputs that not every kind has."""
    inputs = {str(kind): ["wanted"] if kind in WANTED_KINDS else [] for kind in Gate.Kind}
    return {**inputs, str(Gate.Kind.CAMPAIGN_ENTRY): ["other_campaign"]}


class GateForm(ScopedForm[Gate]):
    """A gate, whose provider is one of those that are registered."""

    rules = set_up_rules.GATE

    class Meta:
        model = Gate
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = gating.providers()
        if "provider" in self.fields:
            stored = self.instance.provider
            names = [*known, *([stored] if stored and stored not in known else [])]
            titles = [
                (name, f"{known[name].title} ({name})" if name in known else f"{name}: unknown") for name in names
            ]
            self.fields["provider"] = forms.ChoiceField(
                choices=[("", "Choose who answers"), *titles],
                help_text="Who answers whether a fan passes. A provider serves some kinds of gate alone.",
            )
            styled(self)
        if "kind" in self.fields:
            fitting = {str(kind): [name for name in known if kind in known[name].kinds] for kind in Gate.Kind}
            attributes = self.fields["kind"].widget.attrs
            attributes["data-applies"] = json.dumps(applying_inputs())
            attributes["data-options"] = json.dumps({"provider": fitting})


class TryForm(forms.Form):
    """Whom to ask about."""

    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"}))

    def __init__(self, gate: Gate, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if gate.kind == Gate.Kind.FAN_CLUB and gate.wanted:
            self.fields["supplied"] = forms.CharField(
                label=f"Answer to the question “{gate.wanted}”", required=False, max_length=200
            )
        styled(self)


@admin.register(Gate)
class GateAdmin(OrderedAdmin[Gate]):
    """What fans must bring to register."""

    section = "gates"
    empty_note = "Without a gate everybody may register. A gate asks for a card, an account, an entry, a membership."
    list_display = ("gate_column", "provider_column", "message_column", "active_column")
    list_display_links = ("gate_column",)
    list_select_related = ("campaign", "other_campaign")
    list_filter = ("kind", "is_active")
    search_fields = ("wanted", *in_all_languages("message"))
    search_help_text = "Wanted value or message"
    form = GateForm
    pages = (*OrderedAdmin.pages, Page("<path:object_id>/try/", "try_page", Action.EDIT_SETUP))
    change_form_before_template = "admin/campaigns/gate/before.html"
    fieldsets = (
        (None, {"fields": ("number", "kind", "provider", "wanted", "other_campaign", "is_active")}),
        *language_tabs("message"),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Gate | None = None) -> Any:
        """With what each provider does."""
        (title, first), *tabs = super().get_fieldsets(request, obj)
        rules = [format_html("<dt>{}</dt><dd>{}</dd>", one.title, one.rule) for one in gating.providers().values()]
        description = format_html('<dl class="mq-data">{}</dl>', SafeString("".join(rules)))
        return ((title, {**first, "description": description}), *tabs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Other campaigns that the viewer may view, and the one that the gate names already."""
        if db_field.name == "other_campaign":
            seen = visible(viewer_of_request(request), Campaign.objects.all(), field="pk")
            match = request.resolver_match
            own_key = match.kwargs.get("object_id") if match else None
            named = Q(gates_of_others__pk=own_key) if own_key is not None else Q()
            rows = Campaign.objects.filter(Q(pk__in=seen.values("pk")) | named) if named else seen
            own = self.campaign_of(request)
            rows = rows.exclude(pk=own.pk) if own is not None else rows
            kwargs["queryset"] = rows.distinct().order_by("-pk")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def try_page(self, request: HttpRequest, gate: Gate) -> HttpResponse:
        """Asks the provider about a typed address and shows its answer. The history keeps the answer alone."""
        other = gate.other_campaign
        # Who may not see whom another campaign knows must not find it out by asking its gate.
        if other is not None and not self.may_in(request, Action.SEE_PERSONAL_DATA, other.pk):
            return self.not_allowed(request)
        form = TryForm(gate, request.POST if request.method == "POST" else None)
        context: dict[str, Any] = {}
        if request.method == "POST" and form.is_valid():
            address = form.cleaned_data["email"].strip().lower()
            supplied = {gate.wanted: form.cleaned_data.get("supplied", "")} if gate.wanted else {}
            applicant = Applicant(campaign_id=gate.campaign_id, identifier=address, email=address, supplied=supplied)
            answer = gating.ask(gate, applicant)
            audit.record(
                actor=self.actor(request),
                action="gate.try",
                target=gate,
                campaign_id=gate.campaign_id,
                changes={"answer": [None, str(answer)]},
                now=timezone.now(),
            )
            context = {"answer": answer_badge(answer), "follows": ANSWER_FOLLOWS[answer], "address": address}
        provider = gating.provider_of(gate)
        context |= {
            "form": form,
            "original": gate,
            "gate": gate,
            "provider": provider,
            "does_answer": gating.does_answer(gate.provider),
            **self.workspace(gate.campaign),
        }
        page = self.page_context(request, f"Try: {gate}", **context)
        return TemplateResponse(request, "admin/campaigns/gate/try.html", page)

    # Columns

    @admin.display(description="gate")
    def gate_column(self, gate: Gate) -> SafeString:
        """Its kind and what it wants."""
        wanted = gate.other_campaign.name if gate.other_campaign is not None else gate.wanted
        return format_html(
            '<strong class="mq-name">{}</strong><span class="mq-soft mq-block">{}</span>',
            gate.get_kind_display(),
            wanted,
        )

    @admin.display(description="who answers")
    def provider_column(self, gate: Gate) -> str | SafeString:
        """The provider's title; one that nobody knows is wrong."""
        provider = gating.provider_of(gate)
        return provider.title if provider is not None else badge(f"{gate.provider}: unknown", "bad")

    @admin.display(description="message")
    def message_column(self, gate: Gate) -> str:
        """What a fan reads who does not pass."""
        return gate.message or "words by its kind"

    @admin.display(description="state")
    def active_column(self, gate: Gate) -> SafeString:
        """Whether it is asked."""
        return badge("in use", "good") if gate.is_active else badge("not in use")
