"""The demo's team beside its supreme admin: one account for each role, so that rights can be seen at work."""

from datetime import datetime

from django.conf import settings

from campaigns.models import Campaign
from viewers.granting import ROLES, set_rights
from viewers.models import Action, Staff
from viewers.viewer import Viewer

TEAM = {
    "ines": ("Ines", "Okafor", ROLES["editor"] | {Action.GRANT_ACCESS}),
    "cole": ("Cole", "Tanaka", ROLES["code manager"]),
    "wanda": ("Wanda", "Kowalski", ROLES["wave runner"]),
    "ana": ("Ana", "Lindqvist", ROLES["analyst"]),
}


def make_team(*, password: str, campaigns: list[Campaign], actor: Viewer, now: datetime) -> None:
    """Make the accounts where they are not there yet, all with one password, and give them their rights.

    Only on a development machine: everybody knows the password.
    """
    if not settings.DEVELOPMENT:
        return
    for username, (first_name, last_name, actions) in TEAM.items():
        names = {"is_staff": True, "first_name": first_name, "last_name": last_name}
        staff, is_new = Staff.objects.get_or_create(username=username, defaults=names)
        if is_new:
            staff.set_password(password)
            staff.save(update_fields=["password"])
        for campaign in campaigns:
            set_rights(staff=staff, campaign_id=campaign.pk, actions=actions, ends_at=None, actor=actor, now=now)
