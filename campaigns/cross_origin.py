"""Lets the pages of a campaign's allowed origins read what the API answers fans (CORS).

django-cors-headers writes the headers; for each request with an ``Origin`` it asks here, and the answer comes from
memory. Cookies are never let through: a fan is known by her bearer token alone.
"""

import re
from typing import Any

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.db import DatabaseError
from django.dispatch import receiver
from django.http import HttpRequest

from campaigns.published import NoSuchCampaign, published


@receiver(check_request_enabled, dispatch_uid="campaigns.cross_origin")
def is_allowed(sender: Any, request: HttpRequest, **_rest: Any) -> bool:
    """Whether the campaign that a request asks allows the origin of the page that sent it."""
    origin = request.headers.get("Origin", "")
    found = re.match(settings.CORS_URLS_REGEX, request.path_info) if origin else None
    if found is None:
        return False
    try:
        return origin in published(found["domain"]).origins
    except (NoSuchCampaign, DatabaseError):
        return False
