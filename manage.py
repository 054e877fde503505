#!/usr/bin/env python3
"""Django's commands. On a development machine they find the running embedded servers, or start their own."""

import os
import sys


def main() -> None:
    """Run the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monoql.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError as error:
        sys.exit(f"MonoQL's packages are missing ({error}): run bin/setup, then .venv/bin/python manage.py.")
    if os.environ.get("DATABASE_URL") and os.environ.get("SECRET_KEY"):
        # A production host, or a child of make run: the environment is complete.
        execute_from_command_line(sys.argv)
    else:
        run_with_embedded_servers()


def run_with_embedded_servers() -> None:
    """Run the command with the environment of a development machine."""
    from django.core.management import execute_from_command_line

    from core.embedded.command import development_environment
    from core.embedded.processes import CannotStart
    from core.embedded.state import development_state

    try:
        with development_environment(development_state(), sys.argv[1:]) as variables:
            os.environ.update(variables)
            execute_from_command_line(sys.argv)
    except CannotStart as refusal:
        sys.exit(str(refusal))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
