"""The operators' guide and its pictures belong together."""

import re
from pathlib import Path

from django.conf import settings

GUIDE = Path(settings.BASE_DIR) / "docs" / "operators"
MOST_BYTES = 250_000


def test_every_picture_of_the_guide_is_there_and_shown_and_small() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (GUIDE / "README.md").read_text())

    assert sorted(shown) == sorted(picture.name for picture in GUIDE.glob("*.png"))
    assert [name for name in shown if (GUIDE / name).stat().st_size > MOST_BYTES] == []
