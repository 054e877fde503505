"""Who is chosen."""

from django.apps import AppConfig


class WavesConfig(AppConfig):
    """Who is chosen."""

    name = "waves"

    def ready(self) -> None:
        """Load what registers with the rooms below."""
        from waves import by_hand, clock, notification, preparation, scheduling, selection  # noqa: F401
