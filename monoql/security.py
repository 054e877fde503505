"""The content security policy: strict for fans and for the sign-in, the admin library's own needs for staff."""

from collections.abc import Callable, Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse

FAN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)
STAFF_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: https:; font-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'self'; "
    "frame-ancestors 'none'; worker-src 'self' blob:"
)
"""django-unfold and the API's documentation use inline scripts and Alpine's evaluation; it has no nonces."""
SIGN_IN_PAGES = "/staff/"
SIGN_IN_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; form-action 'self'{companies}; base-uri 'none'; frame-ancestors 'none'"
)
"""Browsers hold ``form-action`` against redirects too, so the companies' own sign-in pages stand in it."""


def policy_of(path: str) -> str:
    """The policy of the page at a path."""
    if path.startswith(SIGN_IN_PAGES):
        return SIGN_IN_POLICY.format(companies="".join(f" {company.origin}" for company in settings.STAFF_COMPANIES))
    return STAFF_POLICY if path.startswith(("/admin/", "/api/docs/", "/api/redoc/")) else FAN_POLICY


def allowing(policy: str, directive: str, sources: Sequence[str]) -> str:
    """A policy with more sources in one of its directives."""
    parts = [part.split() for part in policy.split(";")]
    if all(part[0] != directive for part in parts):
        parts.append([directive])
    for part in parts:
        if part[0] == directive:
            part += [source for source in sources if source not in part]
    return "; ".join(" ".join(part) for part in parts)


NO_DEVICES = "camera=(), microphone=(), payment=(), usb=()"
PERMISSIONS = f"{NO_DEVICES}, geolocation=()"
PERMISSIONS_WITH_PLACE = f"{NO_DEVICES}, geolocation=(self)"
"""Of the page on which a fan may share her place, to have the cities ordered by distance in her browser."""


class ContentSecurityPolicyMiddleware:
    """Sets the policy on every answer that has none of its own, by the kind of page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the header."""
        response = self.get_response(request)
        policy = response.headers.get("Content-Security-Policy") or policy_of(request.path)
        if settings.IS_HTTPS:
            policy += "; upgrade-insecure-requests"
        response.headers["Content-Security-Policy"] = policy
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
