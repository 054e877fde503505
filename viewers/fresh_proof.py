"""Fresh proof: before something dangerous, staff show once more that it is they who sit at the keyboard."""

import time
from typing import Any
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect


def has_fresh_proof(request: HttpRequest | Any) -> bool:
    """Whether the account signed in, or proved itself anew, in the last ``STAFF_FRESH_PROOF_MINUTES``.

    Takes REST framework's requests too; tokens never carry a fresh proof, only the session of a browser does.
    """
    if not request.user.is_authenticated:
        return False
    bare = getattr(request, "_request", request)
    proofs = get_authentication_records(bare, request.user)
    oldest = time.time() - settings.STAFF_FRESH_PROOF_MINUTES * 60
    return any(proof["at"] > oldest for proof in proofs)


def ask_for_fresh_proof(request: HttpRequest, *, back: str = "") -> HttpResponse:
    """Lead to the page that asks for it, and from there to ``back``; without one, to the page she is on.

    That is asked for by GET, so a form which was sent has to be sent again. An account with nothing to prove itself by,
    since it signs in at its company, signs in again.
    """
    back = back or request.get_full_path()
    methods = get_adapter(request).get_reauthentication_methods(request.user)
    if not methods:
        get_adapter(request).logout(request)
        messages.info(request, "Sign in again to go on: this needs a sign-in that is only minutes old.")
    page = methods[0]["url"] if methods else reverse("account_login")
    return lead_to(request, f"{page}?{urlencode({REDIRECT_FIELD_NAME: back})}")


def lead_to(request: HttpRequest, address: str) -> HttpResponse:
    """Redirect the whole page, also where only a part of it was asked for."""
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRedirect(address)
    return HttpResponseRedirect(address)
