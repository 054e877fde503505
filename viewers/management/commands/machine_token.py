"""``manage.py machine_token``: a machine token for programs, made where somebody has the server's shell."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core.refusal import Refusal
from viewers.models import Action, Staff
from viewers.models.token import MACHINE_ACTIONS
from viewers.permissions import may_somewhere
from viewers.tokens import make_token
from viewers.viewer import Viewer, viewer_of_staff

ALL = "all"


class Command(BaseCommand):
    """Makes a token that acts for an account, and prints it. It is shown this once."""

    help = "Make a machine token for an account and print it, this once."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Say for whom, and how far it reaches."""
        parser.add_argument("--for", dest="owner", required=True, help="the account's username")
        parser.add_argument("--name", required=True, help="what uses the token, and where")
        parser.add_argument(
            "--actions",
            nargs="+",
            choices=[ALL, *map(str, MACHINE_ACTIONS)],
            default=[ALL],
            help="what it may do; all that the account may where nothing is said",
        )
        parser.add_argument("--campaign", nargs="+", default=None, help="domains; without it, all of the account's")
        parser.add_argument("--days", type=int, default=30, help="how long it is good")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the token and print it."""
        owner = Staff.objects.filter(username=options["owner"]).first()
        if owner is None or not (owner.is_active and owner.is_staff):
            raise CommandError(f"There is no account {options['owner']!r} that is switched on.")
        viewer = viewer_of_staff(owner)
        try:
            made = make_token(
                name=options["name"],
                actions=self._actions(options["actions"], viewer),
                campaigns=self._campaigns(options["campaign"]),
                days=options["days"],
                actor=viewer,
                now=timezone.now(),
            )
        except Refusal as refusal:
            raise CommandError(refusal.message) from refusal
        self.stdout.write(made.text)

    def _actions(self, words: list[str], viewer: Viewer) -> list[Action]:
        if ALL in words:
            return [action for action in MACHINE_ACTIONS if may_somewhere(viewer, action)]
        return [Action(word) for word in words]

    def _campaigns(self, domains: list[str] | None) -> list[int] | None:
        if domains is None:
            return None
        rows = apps.get_model("campaigns", "Campaign")._default_manager.filter(domain__in=domains)
        found = dict(rows.values_list("domain", "pk"))
        if missing := sorted(set(domains) - set(found)):
            raise CommandError(f"There is no campaign {', '.join(missing)}.")
        return sorted(found.values())
