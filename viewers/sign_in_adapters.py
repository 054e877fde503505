"""What the project decides of the sign-in, and what of it stands in the audit trail: allauth's three adapters."""

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.contrib.auth import logout
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from core import audit
from core.sealing import seal, unseal
from viewers.fresh_proof import has_fresh_proof
from viewers.idle import STARTED
from viewers.models import Staff
from viewers.viewer import ANONYMOUS, viewer_of_staff

WRONG = "This name and this password do not belong together."


class StaffAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # The library has no types.
    """Only staff that exist sign in, and what they do here is recorded."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": WRONG,
        "email_password_mismatch": WRONG,
        "incorrect_password": "This is not your password.",
        "too_many_login_attempts": "Too many attempts failed. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by staff, in the admin."""
        return False

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """A sign-in of some minutes ago is proof enough to change how one signs in."""
        return not has_fresh_proof(context.request)

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Turn away accounts that are switched off or not of staff."""
        response: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return response or (None if user.is_staff else self.respond_user_inactive(request, user))

    @transaction.atomic
    def login(self, request: HttpRequest, user: Any) -> None:
        """Sign her in, with all proofs given."""
        super().login(request, user)
        request.session[STARTED] = time.time()
        _record("staff.sign_in", user, changes={"proof": ["", _proofs(request, user)]})

    @transaction.atomic
    def logout(self, request: HttpRequest) -> None:
        """Sign her out."""
        if isinstance(request.user, Staff):
            _record("staff.sign_out", request.user)
        logout(request)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Record it beside an account that exists; what was typed otherwise may be anything, a password too."""
        is_hers = Q(username__iexact=credentials["username"])
        if credentials.get("email"):
            is_hers |= Q(email__iexact=credentials["email"])
        staff = Staff.objects.filter(is_hers).order_by("pk").first()
        if staff is not None:
            record_failure(staff, "password")

    @transaction.atomic
    def set_password(self, user: Any, password: str) -> None:
        """Change her password."""
        super().set_password(user, password)
        _record("staff.password", user)


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # As above.
    """The secrets of second factors are sealed in the database."""

    error_messages = {**DefaultMFAAdapter.error_messages, "incorrect_code": "This code is not right, or used already."}

    def encrypt(self, text: str) -> str:
        """Seal a secret."""
        return seal(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open it again."""
        return unseal(encrypted_text.encode()).decode()

    def generate_authenticator_name(self, user: Any, type: str) -> str:  # noqa: A002  The library's name.
        """What a new passkey is called until she says better."""
        return f"Passkey of {timezone.now():%-d %B %Y}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """The name under which a passkey is kept."""
        return {**super().get_public_key_credential_rp_entity(), "name": "MonoQL"}


class CompanyAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]  # As above.
    """A company's account opens the staff account that it is linked to, and is linked by a verified address once."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Strangers get no account."""
        return False

    def authenticate_by_email(self, sociallogin: Any) -> None:
        """Not the library's way, which would take the account's password away; see below."""

    @transaction.atomic
    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Link a company's account at its first sign-in."""
        staff = None if sociallogin.is_existing else _owner_of_verified_address(sociallogin)
        if staff is None:
            return
        sociallogin.user = sociallogin.account.user = staff
        sociallogin.account.save()
        _record("staff.link_company_account", staff, changes={"company": ["", sociallogin.account.provider]})


def record_failure(staff: Staff, proof: str) -> None:
    """Record that somebody, who need not be she, failed to prove to be her."""
    audit.record(
        actor=ANONYMOUS,
        action="staff.sign_in_failed",
        target=staff,
        now=timezone.now(),
        changes={"proof": ["", proof]},
    )


def _record(action: str, staff: Staff, changes: dict[str, Any] | None = None) -> None:
    audit.record(actor=viewer_of_staff(staff), action=action, target=staff, now=timezone.now(), changes=changes or {})


def _proofs(request: HttpRequest, staff: Staff) -> str:
    """By what she signed in just now: ``password, totp``."""
    proofs = get_authentication_records(request, staff)
    return ", ".join(str(proof.get("provider") or proof.get("type") or proof["method"]) for proof in proofs)


def _owner_of_verified_address(sociallogin: Any) -> Staff | None:
    """The one account with an address that the company has verified; ``is True``, since some companies send words."""
    addresses = [row.email for row in sociallogin.email_addresses if row.verified is True and row.email]
    found = [
        staff
        for address in addresses
        for staff in Staff.objects.filter(email__iexact=address, is_active=True, is_staff=True)
    ]
    return found[0] if len(found) == 1 else None
