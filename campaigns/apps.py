"""What operators set up."""

from django.apps import AppConfig


class CampaignsConfig(AppConfig):
    """What operators set up."""

    name = "campaigns"

    def ready(self) -> None:
        """Load what registers with the rooms below."""
        from campaigns import cross_origin, field_rules, gate_providers, lifecycle  # noqa: F401
