"""Write docs/error-codes.md."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.urls import get_resolver

from monoql.error_codes import page


class Command(BaseCommand):
    """Writes the page of error codes."""

    help = "Write docs/error-codes.md from the code."

    def handle(self, *args: Any, **options: Any) -> None:
        """Load every face, then write."""
        _loaded = get_resolver().url_patterns
        Path(settings.BASE_DIR, "docs", "error-codes.md").write_text(page())
