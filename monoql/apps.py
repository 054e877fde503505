"""The top room. Loading it also makes the Celery application the current one."""

from django.apps import AppConfig


class MonoqlConfig(AppConfig):
    """The project itself, as an app with management commands and translations."""

    name = "monoql"

    def ready(self) -> None:
        """Make ``@shared_task`` functions find the broker."""
        from monoql.celery import app

        app.set_current()
