"""Who is asking."""

from django.apps import AppConfig


class ViewersConfig(AppConfig):
    """Who is asking."""

    name = "viewers"

    def ready(self) -> None:
        """Listen to what the sign-in changes, and load what registers with the clock."""
        from viewers import api_sessions  # noqa: F401
        from viewers.sign_in_events import connect

        connect()
