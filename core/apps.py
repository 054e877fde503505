"""What every app stands on."""

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """What every app stands on."""

    name = "core"

    def ready(self) -> None:
        """Load what registers with the clock."""
        from core import audit_sealing, idempotency  # noqa: F401
