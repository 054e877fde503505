"""Pages of the sign-in that say more than allauth's own, and what all of them have in common."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import LoginView, PasswordChangeView
from allauth.mfa.base.views import IndexView
from allauth.mfa.webauthn.views import ReauthenticateWebAuthnView
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from viewers.fresh_proof import ask_for_fresh_proof, has_fresh_proof
from viewers.models import Staff
from viewers.second_factor import has_second_factor, lacks_second_factor
from viewers.sessions import end_own_sessions, sessions_of
from viewers.sign_in_events import MARK
from viewers.viewer import viewer_of_staff

View = Callable[..., Any]
"""A view, of the framework or of allauth, which has no types."""


def sign_in_page(view: View, *, asks_proof: bool = False) -> View:
    """Have a page of allauth behave as one of staff: in English, and with its audit event in one transaction.

    With ``asks_proof`` only whoever has just proved who she is comes in.
    """

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        translation.activate(settings.LANGUAGE_CODE)
        setattr(request, MARK, True)
        if asks_proof and request.user.is_authenticated and not has_fresh_proof(request):
            return ask_for_fresh_proof(request)
        with transaction.atomic():
            response: HttpResponse = view(request, *args, **kwargs)
            return response

    return never_cache(wraps(view)(answer))


class SignIn(LoginView):  # type: ignore[misc]  # The library has no types.
    """Name and password, a passkey, or a company's account."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """On a development machine the page tells how to get in."""
        return {
            **super().get_context_data(**kwargs),
            "is_development": settings.DEVELOPMENT,
            "asks_second_factor": settings.STAFF_SECOND_FACTOR != "nobody",
            "companies": settings.STAFF_COMPANIES,
        }


class YourSignIn(IndexView):  # type: ignore[misc]  # As above.
    """All that belongs to how she signs in: password, second factors, recovery codes, sessions."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What she has."""
        staff = self.request.user
        names = {company.id: company.name for company in settings.STAFF_COMPANIES}
        linked = SocialAccount.objects.filter(user=staff).order_by("pk").values_list("provider", flat=True)
        return {
            **super().get_context_data(**kwargs),
            "has_second_factor": has_second_factor(staff),
            "lacks_second_factor": lacks_second_factor(self.request),
            "companies": [names.get(provider, provider) for provider in linked],
            "sessions": sessions_of(staff, current_key=self.request.session.session_key),
        }


class ReauthenticateByPasskey(ReauthenticateWebAuthnView):  # type: ignore[misc]  # As above.
    """Fresh proof by passkey."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say so on this page; the library's way leads signed-in staff elsewhere."""
        messages.error(self.request, "The passkey was not accepted. Try again.")
        return HttpResponseRedirect(self.request.get_full_path())


@login_required
def change_password(request: HttpRequest) -> HttpResponse:
    """A new password, for accounts that have one; others sign in at their company."""
    if not (isinstance(request.user, Staff) and request.user.has_usable_password()):
        raise Http404
    response: HttpResponse = PasswordChangeView.as_view(success_url="/staff/")(request)
    return response


@require_POST
@login_required
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End the one session that the button names, or all others."""
    staff = request.user
    if not isinstance(staff, Staff):
        raise Http404
    others = [row.pk for row in sessions_of(staff, current_key=request.session.session_key) if not row.is_current]
    chosen = [pk for pk in others if request.POST.get("session", str(pk)) == str(pk)]
    ended = end_own_sessions(staff=staff, session_ids=chosen, actor=viewer_of_staff(staff), now=timezone.now())
    messages.success(request, f"{ended} session{'' if ended == 1 else 's'} ended.")
    return redirect("mfa_index")
