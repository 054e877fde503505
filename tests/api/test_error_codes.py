"""The page of error codes says what the code says."""

import re
from pathlib import Path

from django.conf import settings
from django.urls import get_resolver

from monoql.error_codes import page

DOCS = Path(settings.BASE_DIR) / "docs"
ROW = re.compile(r"^\| `(\w+)` \| (\d{3}) \| (.+) \|$", re.MULTILINE)


def test_the_page_is_what_the_code_says() -> None:
    assert get_resolver().url_patterns

    assert (DOCS / "error-codes.md").read_text() == page(), "Run: manage.py error_codes"


def test_each_code_has_a_status_and_words() -> None:
    rows = ROW.findall(page())

    assert len(rows) == page().count("\n| `")
    assert len({(code, status) for code, status, _words in rows}) == len(rows)
    assert all(400 <= int(status) <= 503 and len(words) > 5 for _code, status, words in rows)


def test_the_guide_names_no_code_that_there_is_not() -> None:
    table = (DOCS / "api.md").read_text().partition("| status | codes |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))

    assert named <= {code for code, _status, _words in ROW.findall(page())}
