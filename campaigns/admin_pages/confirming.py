"""The page before a step that matters: what will happen, in numbers, and for the gravest the campaign's name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from campaigns.models import Campaign
from core.admin_forms import styled
from viewers import approvals
from viewers.admin_base import GuardedAdmin
from viewers.viewer import Viewer


class ConfirmForm(forms.Form):
    """Asks for the campaign's name, for a reason, for both or for neither."""

    def __init__(self, *args: Any, name: str = "", asks_reason: str = "", needs_reason: bool = False) -> None:
        super().__init__(*args)
        self._name = name
        if asks_reason:
            self.fields["reason"] = forms.CharField(
                label=asks_reason,
                required=needs_reason,
                max_length=500,
                widget=forms.Textarea(attrs={"rows": 2}),
            )
        if name:
            self.fields["typed_name"] = forms.CharField(
                label="Campaign's name",
                widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
                error_messages={"required": "Type the name: it shows that you mean this campaign."},
            )
        styled(self)

    def clean_typed_name(self) -> str:
        """Compare the name, whatever the spaces."""
        typed: str = self.cleaned_data["typed_name"]
        if typed.split() != self._name.split():
            raise forms.ValidationError(f"This is not the name. It is: {self._name}")
        return typed


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step to be confirmed. ``operation`` gets the reason; ``facts`` say what it will do.

    A step with a ``deed`` waits for a second person where the campaign wants one; ``target_id`` and ``seen`` say what
    it is done to, and what she approves.
    """

    campaign: Campaign
    title: str
    facts: Sequence[str]
    button: str
    operation: Callable[[str], object]
    done: str
    back: str
    is_grave: bool = False
    warnings: Sequence[str] = ()
    asks_name: bool = False
    asks_reason: str = ""
    needs_reason: bool = False
    deed: str = ""
    target_id: object = ""
    seen: Callable[[], Mapping[str, Any]] = dict

    @property
    def waits(self) -> bool:
        """Whether it is put before a second person."""
        return bool(self.deed) and self.campaign.needs_second_person

    def ask(self, *, reason: str, actor: Viewer, now: datetime) -> None:
        """Put it before a second person, with the very lines of the page."""
        approvals.ask(
            campaign_id=self.campaign.pk,
            deed=self.deed,
            target_id=self.target_id,
            title=self.title,
            facts=[*self.facts, *self.warnings],
            parameters=self.seen(),
            reason=reason,
            actor=actor,
            now=now,
        )


def confirm(admin: GuardedAdmin[Any], request: HttpRequest, step: Step, **context: Any) -> HttpResponse:
    """Show a step's page, and on its button do it once; a refusal is shown in the page."""
    form = ConfirmForm(
        *([request.POST] if request.method == "POST" else []),
        name=step.campaign.name if step.asks_name else "",
        asks_reason=step.asks_reason,
        needs_reason=step.needs_reason,
    )

    def do() -> str:
        reason = form.cleaned_data.get("reason", "")
        if step.waits:
            step.ask(reason=reason, actor=admin.actor(request), now=timezone.now())
            messages.success(request, f"{step.title}: this waits for a second person now.")
        else:
            step.operation(reason)
            messages.success(request, step.done)
        return step.back

    shown = {"step": step, "campaign": step.campaign, **context}
    return admin.form_page(request, form, do, title=step.title, template="admin/confirm.html", **shown)
