"""Signing in with a token from outside, and linking outside subjects to staff accounts."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from core import audit
from core.refusal import Invalid, NotAllowed, Refusal
from viewers.api_sessions import end_sessions_of, start_session, viewer_of_session
from viewers.issuers import Issuer
from viewers.models import ApiSession, OutsideIdentity, Staff
from viewers.models.outside import MOST_LETTERS_OF_SUBJECT
from viewers.outside_tokens import Subject, read_token
from viewers.permissions import Action, may, require
from viewers.viewer import Viewer, viewer_of_staff


class CannotLink(Refusal):
    """The subject is somebody's already."""

    code = "cannot_link"


@dataclass(frozen=True)
class SignedIn:
    """A session just begun, and who acts in it."""

    session: ApiSession
    viewer: Viewer


def sign_in(*, token: str, kind: str, now: datetime) -> SignedIn:
    """Begin a session for the subject of a token from outside: the linked member of staff, or else a fan.

    :raises TokenRefused: the token is not a good one.
    :raises UnknownKey: its issuer has no such key.
    :raises IssuerAway: its issuer's keys cannot be fetched.
    :raises BadSession: the linked account is switched off.
    """
    subject = read_token(token, kind=kind)
    staff = staff_of(subject)
    with transaction.atomic():
        session = start_session(staff=staff, subject=subject.id, issuer=subject.issuer.name, now=now)
        viewer = viewer_of_session(session)
        if staff is not None:
            changes = {"issuer": [None, subject.issuer.name]}
            audit.record(actor=viewer, action="apisession.start", target=session, now=now, changes=changes)
    return SignedIn(session=session, viewer=viewer)


def staff_of(subject: Subject) -> Staff | None:
    """The account that a subject is linked to, where the issuer is trusted with staff."""
    if not subject.issuer.staff:
        return None
    linked = OutsideIdentity.objects.select_related("staff").filter(issuer=subject.issuer.name, subject=subject.id)
    found = linked.first()
    return found.staff if found is not None else None


def issuers_of_staff() -> list[Issuer]:
    """The issuers whose subjects may be staff."""
    return [issuer for issuer in settings.OUTSIDE_ISSUERS if issuer.staff]


def link_identity(*, staff: Staff, issuer: str, subject: str, actor: Viewer, now: datetime) -> OutsideIdentity:
    """Let a subject of an issuer sign in as a member of staff.

    :raises NotAllowed: the actor does not manage staff, or the account may do more than she.
    :raises Invalid: the issuer is not trusted with staff, or the subject is missing.
    :raises CannotLink: the subject is linked already.
    """
    _require_reach(actor, staff)
    _require_shape(issuer, subject)
    assert actor.staff is not None  # noqa: S101  Only staff pass the check above.
    try:
        with transaction.atomic():
            identity = OutsideIdentity.objects.create(
                staff=staff, issuer=issuer, subject=subject, linked_at=now, linked_by=actor.staff
            )
            changes = {"staff": [None, staff.pk], "issuer": [None, issuer]}
            audit.record(actor=actor, action="outsideidentity.link", target=identity, now=now, changes=changes)
    except IntegrityError as error:
        raise CannotLink("This subject is linked to an account already. Unlink it there first.") from error
    return identity


def unlink_identity(*, identity: OutsideIdentity, reason: str, actor: Viewer, now: datetime) -> None:
    """Let a subject sign in as this account no more; sessions that it has begun end at once.

    :raises NotAllowed: the actor does not manage staff, or the account may do more than she.
    """
    _require_reach(actor, identity.staff)
    with transaction.atomic():
        end_sessions_of(staff=identity.staff, issuer=identity.issuer, now=now)
        changes = {"staff": [identity.staff_id, None], "issuer": [identity.issuer, None]}
        audit.record(
            actor=actor, action="outsideidentity.unlink", target=identity, now=now, changes=changes, reason=reason
        )
        identity.delete()


def _require_reach(actor: Viewer, staff: Staff) -> None:
    """Whoever can sign in as an account can do what it may: so nobody decides that for an account above her own."""
    require(actor, Action.MANAGE_STAFF, None)
    if actor.kind != "staff":
        raise NotAllowed("Only a member of staff who is signed in herself may do this.")
    if actor.is_supreme:
        return
    held = viewer_of_staff(staff).rights
    is_above = (
        staff.is_superuser
        or not staff.is_active
        or any(not may(actor, action, campaign_id) for campaign_id, actions in held.items() for action in actions)
    )
    if is_above:
        raise NotAllowed("This account may do more than you. Ask a supreme admin.")


def _require_shape(issuer: str, subject: str) -> None:
    errors = {}
    if issuer not in {one.name for one in issuers_of_staff()}:
        errors["issuer"] = ["Choose an issuer that the settings trust with staff."]
    if not 0 < len(subject) <= MOST_LETTERS_OF_SUBJECT or not subject.isprintable():
        errors["subject"] = ["Give the subject exactly as the issuer's tokens say it."]
    if errors:
        raise Invalid(errors)
