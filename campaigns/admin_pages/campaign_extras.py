"""Two pages of a campaign beside its set-up: the password that fans must know, and a clone under another name."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.cloning import clone_campaign
from campaigns.models import Campaign
from campaigns.models.campaign import DOMAIN_FORM
from campaigns.passwords import LEAST_LETTERS, MOST_LETTERS, set_password
from core.admin_forms import styled
from viewers.admin_base import GuardedAdmin


class PasswordForm(forms.Form):
    """The secret that the artist gives her fans."""

    password = forms.CharField(
        label="Password for fans",
        required=False,
        max_length=MOST_LETTERS,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=f"{LEAST_LETTERS} letters or more; capitals make no difference. Empty asks for none any more.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


class CloneForm(forms.Form):
    """The new campaign's own name and address."""

    name = forms.CharField(label="Name", max_length=200)
    domain = forms.CharField(
        label="Domain",
        max_length=63,
        validators=[RegexValidator(DOMAIN_FORM, "Use lower-case letters, digits and inner hyphens.")],
        help_text="The first part of its address, as in aurora-2028.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


def password_page(admin: GuardedAdmin[Campaign], request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Sets or clears the password; it is never shown again."""
    form = PasswordForm(request.POST if request.method == "POST" else None)
    page = reverse("admin:campaigns_campaign_change", args=[campaign.pk])

    def save() -> str:
        changed = set_password(
            campaign=campaign, password=form.cleaned_data["password"], actor=admin.actor(request), now=timezone.now()
        )
        words = "Fans are asked for the password now." if changed.password_hash else "Fans are asked for no password."
        messages.success(request, words)
        return page

    state = "It has one now; a new one replaces it." if campaign.password_hash else "It has none now."
    return admin.form_page(
        request,
        form,
        save,
        title=f"Password of {campaign.name}",
        intro=f"Only fans who know it can register: the artist gives it to them. {state} It is not shown again.",
        original=campaign,
        campaign=campaign,
        section="setup",
        button="Save",
        back=page,
    )


def clone_page(admin: GuardedAdmin[Campaign], request: HttpRequest, campaign: Campaign) -> HttpResponse:
    """Makes a campaign with the same set-up."""
    form = CloneForm(request.POST if request.method == "POST" else None, initial={"name": f"{campaign.name} (copy)"})

    def clone() -> str:
        made = clone_campaign(campaign=campaign, **form.cleaned_data, actor=admin.actor(request), now=timezone.now())
        messages.success(request, f"{made.name} is made. Look at its dates first: they are those of {campaign.name}.")
        return reverse("admin:campaigns_campaign_change", args=[made.pk])

    return admin.form_page(
        request,
        form,
        clone,
        title=f"Clone {campaign.name}",
        intro="Dates, languages, texts, images, questions, gates, markets and events are copied; entries, codes and "
        "waves are not. The new campaign has not started and is not released.",
        original=campaign,
        campaign=campaign,
        section="setup",
        button="Make the clone",
        back=reverse("admin:campaigns_campaign_change", args=[campaign.pk]),
    )
