"""What fans are given."""

from django.apps import AppConfig


class CodesConfig(AppConfig):
    """What fans are given."""

    name = "codes"

    def ready(self) -> None:
        """Load what registers with the rooms below."""
        from codes import adding, holding, stock  # noqa: F401
