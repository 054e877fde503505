"""The sign-in of the development issuer, as a fan meets a ticketing company's: a page, a code, a token for the code.

It asks for no password: whoever types a subject is that fan. On development machines alone, like the rest of it.
"""

import base64
import hashlib
import hmac
import secrets
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from monoql.dev_issuer import issuer, mint
from monoql.development import only_in_development
from monoql.fan_account import redirect_uri
from monoql.security import FAN_POLICY
from viewers.models.outside import MOST_LETTERS_OF_SUBJECT

CODE_SECONDS = 60
MOST_LETTERS = 2000
"""Of each thing that a client tells."""
_KEPT = "dev_sign_in.code."


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@only_in_development
def authorize(request: HttpRequest) -> HttpResponse:
    """Asks who is signing in, and sends her browser back with a code, or without one if she does not want to."""
    wrong = _what_is_wrong(request.GET)
    if wrong:
        return HttpResponse(f"{wrong}\n", status=400, content_type="text/plain; charset=utf-8")
    subject = request.POST.get("subject", "").strip()[:MOST_LETTERS_OF_SUBJECT]
    if request.method == "POST" and "cancel" in request.POST:
        return _back(request, error="access_denied")
    if request.method == "POST" and subject:
        return _back(request, code=_new_code(request, subject))
    response = render(request, "dev_issuer/authorize.html", {"issuer": issuer(), "subject": subject})
    # Browsers hold form-action against redirects too, and a campaign may be on a host of its own.
    response.headers["Content-Security-Policy"] = FAN_POLICY.replace("form-action 'self'", "form-action *")
    return response


@csrf_exempt
@require_POST
@never_cache
@only_in_development
def exchange(request: HttpRequest) -> HttpResponse:
    """Gives an id token for a code, once, to whoever holds the verifier of its challenge."""
    kept = _used_up(request.POST.get("code", ""))
    is_good = (
        kept is not None
        and request.POST.get("grant_type") == "authorization_code"
        and request.POST.get("client_id") == issuer().audiences["id"]
        and request.POST.get("redirect_uri") == redirect_uri()
        and hmac.compare_digest(_challenge_of(request.POST.get("code_verifier", "")), kept["challenge"])
    )
    if kept is None or not is_good:
        return JsonResponse({"error": "invalid_grant"}, status=400)
    token = mint(
        subject=kept["subject"],
        kind="id",
        now=timezone.now(),
        nonce=kept["nonce"],
        email=kept["email"] or None,
        email_verified=kept["is_verified"] if kept["email"] else None,
    )
    return JsonResponse({"token_type": "Bearer", "access_token": secrets.token_urlsafe(24), "id_token": token})


def _what_is_wrong(asked: QueryDict) -> str:
    """Why a client's request is not served; nobody is sent to an address that is not the one client's."""
    rules = {
        "client_id": [issuer().audiences["id"]],
        "redirect_uri": [redirect_uri()],
        "response_type": ["code"],
        "code_challenge_method": ["S256"],
    }
    for name, values in rules.items():
        if asked.get(name) not in values:
            return f"{name} must be {values[0]}."
    missing = [
        name for name in ("state", "nonce", "code_challenge") if not 0 < len(asked.get(name, "")) <= MOST_LETTERS
    ]
    if missing:
        return f"{missing[0]} must be given."
    return "" if "openid" in asked.get("scope", "").split() else "scope must contain openid."


def _back(request: HttpRequest, **brought: str) -> HttpResponse:
    query = urlencode({**brought, "state": request.GET["state"]})
    return HttpResponseRedirect(f"{redirect_uri()}?{query}", status=303)


def _new_code(request: HttpRequest, subject: str) -> str:
    code = secrets.token_urlsafe(24)
    kept = {
        "subject": subject,
        "email": request.POST.get("email", "").strip()[:MOST_LETTERS],
        "is_verified": "is_verified" in request.POST,
        "nonce": request.GET["nonce"],
        "challenge": request.GET["code_challenge"],
    }
    cache.set(f"{_KEPT}{code}", kept, CODE_SECONDS)
    return code


def _used_up(code: str) -> dict[str, Any] | None:
    """What a code stands for; asking again finds nothing, also at the same time."""
    name = f"{_KEPT}{code[:100]}"
    kept: dict[str, Any] | None = cache.get(name)
    return kept if cache.delete(name) else None


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode(errors="replace")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
