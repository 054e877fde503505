"""docs/api.md, word for word: its commands run in a shell against a running server."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from django.conf import settings as project
from django.test.utils import override_settings
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from entries.sending import send_due
from tests import scenario
from tests.processes import environment
from viewers.issuers import development_issuer
from viewers.models import Staff

GUIDE = Path(project.BASE_DIR) / "docs" / "api.md"
NEEDED = ("bash", "curl", "grep", "python3")
MOST_SECONDS = 120


def commands(*, site: str) -> str:
    """The guide's commands, for a server at another address."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return "set -e\n" + "\n".join(blocks).replace("http://localhost:8000", site)


@pytest.mark.skipif(not all(map(shutil.which, NEEDED)), reason="The guide needs a shell with curl.")
@pytest.mark.django_db(transaction=True)
def test_the_guide_leads_from_a_new_campaign_to_a_code(
    live_server: LiveServer, settings: Settings, tmp_path: Path
) -> None:
    settings.DEVELOPMENT = True
    settings.ROOT_URLCONF = "tests.api.development_urls"
    settings.OUTSIDE_ISSUERS = (development_issuer(live_server.url),)
    settings.MAILERS = {"default": {"BACKEND": "core.mail.FolderBackend"}}
    settings.MAIL_FOLDER = tmp_path / "mail"
    Staff.objects.create_superuser("demo", "demo@monoql.example", "demo")
    for name in (".venv", "manage.py"):
        (tmp_path / name).symlink_to(Path(project.BASE_DIR) / name)
    script = tmp_path / "guide.sh"
    script.write_text(commands(site=live_server.url))

    with override_settings(PUBLIC_URL=live_server.url):
        walk = subprocess.Popen(
            ["bash", str(script)],
            cwd=tmp_path,
            env={**environment(lease_seconds=15), "PATH": os.environ["PATH"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            be_worker_and_clock_until_the_end(walk)
        finally:
            walk.kill()
            said = walk.communicate()[0].splitlines()

    assert walk.returncode == 0, said
    assert {"open", "closed", "triggered", "cannot_trigger", "AURORA-0001", "placed"} <= set(said)
    assert any(line.endswith(",CA-LAX,CA-LAX-1,1,1,AURORA-0001,2027-02-01T10:00") for line in said)
    assert said[-4:] == ["fan", "fan-1", "signed_out", "authentication_failed"]


def be_worker_and_clock_until_the_end(walk: "subprocess.Popen[str]") -> None:
    """Do queued jobs and send due mails while the commands run."""
    end = time.monotonic() + MOST_SECONDS
    while walk.poll() is None and time.monotonic() < end:
        scenario.run_jobs()
        send_due(timezone.now())
        time.sleep(0.2)
