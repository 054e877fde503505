"""What is reported."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """What is reported."""

    name = "exports"

    def ready(self) -> None:
        """Load what registers with the rooms below."""
        from exports import delivery  # noqa: F401
