"""``manage.py check_templates``: compile every template of the project."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.template import TemplateSyntaxError, engines
from django.template.backends.django import DjangoTemplates
from django.template.utils import get_app_template_dirs


class Command(BaseCommand):
    """Compile every template of this project, so that a typing error is found before a fan finds it."""

    help = "Compile every template of this project and report those that cannot be read."

    def handle(self, *args: Any, **options: Any) -> None:
        """Compile all, then report all errors at once.

        :raises CommandError: at least one template has an error.
        """
        names = project_templates()
        errors = [error for name in names if (error := compile_error(name))]
        if errors:
            raise CommandError("\n".join(errors))
        self.stdout.write(f"{len(names)} templates compile.")


def project_templates() -> list[str]:
    """Give the names of all templates that lie in the project itself, not in a package of others."""
    base = Path(settings.BASE_DIR)
    folders = [Path(folder) for engine in engines.all() for folder in engine.dirs]
    folders += [Path(folder) for folder in get_app_template_dirs("templates")]
    return sorted(
        {
            str(path.relative_to(folder))
            for folder in folders
            if folder.is_relative_to(base) and not is_installed(folder.relative_to(base))
            for path in folder.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
    )


def is_installed(folder: Path) -> bool:
    """Whether a folder of the project belongs to its virtual environment."""
    return "site-packages" in folder.parts


def compile_error(name: str) -> str:
    """Give what is wrong with a template; empty when it compiles."""
    for engine in engines.all():
        if isinstance(engine, DjangoTemplates):
            try:
                engine.get_template(name)
            except (TemplateSyntaxError, UnicodeDecodeError) as error:
                return f"{name}: {error}"
    return ""
