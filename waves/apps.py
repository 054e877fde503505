"""Who is chosen."""

from django.apps import AppConfig


class WavesConfig(AppConfig):
    """Who is chosen."""

    name = "waves"

    def ready(self) -> None:
        """Load what registers with the rooms below."""
        from waves import notification, preparation, selection  # noqa: F401
