"""Which host shows which campaign: ``<domain>.<FAN_DOMAIN>``, and ``<domain>.localhost`` in development."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


def domain_of_host(host: str) -> str:
    """The campaign's domain that a host names, or an empty string for the installation's own host."""
    name = host.partition(":")[0].lower().rstrip(".")
    suffix = f".{settings.FAN_DOMAIN or 'localhost'}"
    label = name.removesuffix(suffix)
    return label if label != name and "." not in label else ""


class CampaignHostMiddleware:
    """Gives a campaign's own host the fan pages at its root. ``request.campaign_domain`` names the campaign."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Choose the URL configuration by the host."""
        domain = domain_of_host(request.get_host())
        request.campaign_domain = domain  # type: ignore[attr-defined]  # Read by the fan pages alone.
        if domain:
            request.urlconf = settings.FAN_URLCONF
        return self.get_response(request)
