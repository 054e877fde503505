"""Who is asking."""

from django.apps import AppConfig


class ViewersConfig(AppConfig):
    """Who is asking."""

    name = "viewers"
