"""Second factors in the audit trail. allauth tells of most changes only after their transaction; its rows do within."""

from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest
from django.utils import timezone

from core import audit
from viewers.models import Staff
from viewers.second_factor import FACTORS
from viewers.sign_in_adapters import record_failure
from viewers.viewer import viewer_of_staff

MARK = "_is_sign_in_page"
"""Set on requests of the sign-in's own pages; other code records what it does to second factors by itself."""


def connect() -> None:
    """Listen to the rows of second factors, and to wrong codes."""
    post_save.connect(_added, sender=Authenticator, dispatch_uid="viewers.sign_in_events")
    post_delete.connect(_removed, sender=Authenticator, dispatch_uid="viewers.sign_in_events")
    authentication_failed.connect(_failed, dispatch_uid="viewers.sign_in_events")


def _added(instance: Authenticator, created: bool, **_rest: Any) -> None:
    if created:
        is_factor = instance.type in FACTORS
        _record("staff.add_second_factor" if is_factor else "staff.make_recovery_codes", instance, is_there=True)


def _removed(instance: Authenticator, **_rest: Any) -> None:
    if instance.type in FACTORS:
        _record("staff.remove_second_factor", instance, is_there=False)


def _failed(user: Staff, authenticator: Authenticator, **_rest: Any) -> None:
    record_failure(user, authenticator.type)


def _record(action: str, factor: Authenticator, *, is_there: bool) -> None:
    request: HttpRequest | None = context.request
    if request is None or not getattr(request, MARK, False):
        return
    staff = Staff.objects.get(pk=factor.user_id)
    change = ["", factor.type] if is_there else [factor.type, ""]
    audit.record(
        actor=viewer_of_staff(staff), action=action, target=staff, now=timezone.now(), changes={"factor": change}
    )
