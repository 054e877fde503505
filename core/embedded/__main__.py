"""``python -m core.embedded``: what ``make run`` runs."""

import signal
import sys

# Ctrl-C while the modules below load ends us without a word; the supervisor listens to it in its own way.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from core.embedded.supervisor import main  # noqa: E402

sys.exit(main())
