"""The second factor: who must have one, who has one, and the way to set it up."""

from collections.abc import Callable

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied

from viewers.fresh_proof import lead_to
from viewers.models import Action, Grant, Staff

DANGEROUS = (
    Action.RUN_WAVES,
    Action.EXPORT,
    Action.SEE_PERSONAL_DATA,
    Action.GRANT_ACCESS,
    Action.MANAGE_STAFF,
)
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""What counts as a second factor; recovery codes only stand in for one of them."""


class SecondFactorNeeded(PermissionDenied):
    """The account's rights ask for a second factor, and it has none."""

    default_code = "second_factor_needed"
    default_detail = "Your rights ask for a second factor. Set one up in the admin, under “Your sign-in”."


def must_have_second_factor(staff: Staff) -> bool:
    """Whether the setting ``STAFF_SECOND_FACTOR`` asks one of this account."""
    if settings.STAFF_SECOND_FACTOR == "nobody":
        return False
    if settings.STAFF_SECOND_FACTOR == "everybody" or staff.is_supreme:
        return True
    in_force = Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now())
    return Grant.objects.filter(in_force, staff=staff, action__in=DANGEROUS).exists()


def has_second_factor(staff: Staff) -> bool:
    """Whether she set one up here."""
    return bool(Authenticator.objects.filter(user=staff, type__in=FACTORS).exists())


def lacks_second_factor(request: HttpRequest) -> bool:
    """Whether the session's account must have one, and neither we nor the company where it signed in ask for any."""
    staff = request.user
    if not isinstance(staff, Staff) or not must_have_second_factor(staff):
        return False
    return not (has_second_factor(staff) or _was_asked_by_company(request, staff))


def _was_asked_by_company(request: HttpRequest, staff: Staff) -> bool:
    trusted = {company.id for company in settings.STAFF_COMPANIES if company.asks_second_factor}
    return any(proof.get("provider") in trusted for proof in get_authentication_records(request, staff))


class SecondFactorMiddleware:
    """Leads whoever lacks a second factor from every page of the admin to the one that sets it up.

    The REST API's part is in ``viewers.authentication``: fans call it too, from the same browser.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let through what is not the admin, and the way out."""
        index = reverse("admin:index")
        if (
            not request.path.startswith(index)
            or request.path == reverse("admin:logout")
            or not lacks_second_factor(request)
        ):
            return self.get_response(request)
        messages.warning(request, "Your rights ask for a second factor. Set one up to go on.")
        return lead_to(request, reverse("mfa_index"))
