"""What fans submit."""

from django.apps import AppConfig


class EntriesConfig(AppConfig):
    """What fans submit."""

    name = "entries"

    def ready(self) -> None:
        """Load what registers with the rooms below."""
        from entries import fan_sign_in, gates, messages, phone, phone_reminders, sending  # noqa: F401
