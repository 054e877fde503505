"""Auditors: people outside, named by a campaign, who may download its draws' bundles by a signed link of their own.

The link holds the auditor's id and is not stored; it works until its end, or until somebody revokes it.
"""

from datetime import datetime, timedelta

from django.core import signing
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from campaigns.models import Campaign
from core import audit
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer
from waves.models import Auditor, Draw

_SIGNER = signing.Signer(salt="waves.auditors")
"""Without a time of its own, so that a link is the same whenever it is shown; its row says when it ends."""
KIND = "auditor"
"""What the audit trail calls an actor who came by such a link."""
MOST_DAYS = 2 * 366
MOST_LETTERS = 200


class CannotNameAuditor(Refusal):
    """No link is made."""

    code = "cannot_name_auditor"


class CannotRevoke(Refusal):
    """The link was revoked before."""

    code = "cannot_revoke_auditor"


class BadAuditorLink(Refusal):
    """The link opens nothing (any more)."""

    code = "bad_auditor_link"
    status = 403


def name_auditor(*, campaign: Campaign, name: str, expires_at: datetime, actor: Viewer, now: datetime) -> Auditor:
    """Let somebody download the bundles of a campaign's draws until a moment.

    :raises CannotNameAuditor: there is no name, the end is not within two years, or her link still works.
    """
    require(actor, Action.RUN_WAVES, campaign.pk)
    name = " ".join(name.split())
    if not name or len(name) > MOST_LETTERS or not name.isprintable():
        raise CannotNameAuditor(f"Say who it is, in at most {MOST_LETTERS} letters.", field="name")
    if not now < expires_at <= now + timedelta(days=MOST_DAYS):
        raise CannotNameAuditor("Let the link end within two years from now.", field="expires_at")
    with transaction.atomic():
        Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
        if in_force(campaign, now).filter(name__iexact=name).exists():
            raise CannotNameAuditor(f"{name} has a link that works. Revoke it before you make another.", field="name")
        auditor = Auditor.objects.create(campaign=campaign, name=name, expires_at=expires_at, created_at=now)
        audit.record(
            actor=actor,
            action="auditor.name",
            target=auditor,
            campaign_id=campaign.pk,
            # A person's name stays out of the trail; the row keeps it.
            changes={"expires_at": [None, audit.recorded(expires_at)]},
            now=now,
        )
    return auditor


def revoke(*, auditor: Auditor, actor: Viewer, now: datetime) -> Auditor:
    """End an auditor's link at once.

    :raises CannotRevoke: it was revoked before.
    """
    require(actor, Action.RUN_WAVES, auditor.campaign_id)
    with transaction.atomic():
        if not Auditor.objects.filter(pk=auditor.pk, revoked_at=None).update(revoked_at=now):
            raise CannotRevoke("This link was revoked before.")
        audit.record(
            actor=actor,
            action="auditor.revoke",
            target=auditor,
            campaign_id=auditor.campaign_id,
            changes={"revoked_at": [None, audit.recorded(now)]},
            now=now,
        )
    auditor.refresh_from_db()
    return auditor


def in_force(campaign: Campaign, now: datetime) -> "QuerySet[Auditor]":
    """The auditors of a campaign whose links work."""
    return Auditor.objects.filter(campaign=campaign, revoked_at=None, expires_at__gt=now)


def link_of(auditor: Auditor) -> str:
    """The whole address that is sent to an auditor. Whoever has it may do what she may."""
    token = _SIGNER.sign_object([auditor.campaign_id, auditor.pk])
    return f"{auditor.campaign.site_url}draws/audit/{token}/"


def auditor_of(token: str, *, campaign: Campaign, now: datetime) -> Auditor:
    """Whose link it is.

    :raises BadAuditorLink: it is none of ours, of another campaign, over, or revoked.
    """
    try:
        campaign_id, auditor_id = _SIGNER.unsign_object(token)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadAuditorLink(_("This link is not whole. Copy it again from the message in which you got it.")) from None
    auditor = Auditor.objects.filter(pk=auditor_id, campaign=campaign).first()
    if auditor is None or campaign_id != campaign.pk:
        raise BadAuditorLink(_("This link is not whole. Copy it again from the message in which you got it."))
    if auditor.revoked_at is not None:
        raise BadAuditorLink(_("This link was revoked. Ask the organiser whether you may have another one."))
    if auditor.expires_at <= now:
        raise BadAuditorLink(_("This link has ended. Ask the organiser for another one."))
    return auditor


def record_download(*, auditor: Auditor, draw: Draw, name: str, now: datetime) -> None:
    """Write down that an auditor fetched one file of a draw."""
    with transaction.atomic():
        Auditor.objects.filter(pk=auditor.pk).update(last_seen_at=now)
        audit.record(
            # By her number: a name could never be taken out of the trail again. Her page says who it is.
            actor=Viewer(kind=KIND, id=str(auditor.pk), label=f"auditor {auditor.pk}"),
            action="auditor.download",
            target=auditor,
            campaign_id=auditor.campaign_id,
            changes={"draw": [None, draw.number], "file": [None, name]},
            now=now,
        )
