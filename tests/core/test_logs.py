"""No log line holds a fan's proof."""

import logging

import pytest
from django.test import Client

from campaigns.models import Campaign
from entries.proof import link_token
from monoql.settings import LOGGING


def test_a_mailed_links_token_is_in_no_log_line(tour: Campaign, caplog: pytest.LogCaptureFixture) -> None:
    token = link_token(entry_id=999_999)
    handler = logging.StreamHandler()
    formatter = dict(LOGGING["formatters"]["line"])  # type: ignore[index]  # Settings are untyped.
    handler.setFormatter(formatter.pop("()")(**formatter))

    with caplog.at_level(logging.DEBUG):
        Client(headers={"Sec-Fetch-Site": "cross-site"}).post(f"/c/aurora/confirm/{token}/")
        Client().get(f"/c/nowhere/confirm/{token}/")

    lines = [handler.format(record) for record in caplog.records]
    assert any("/confirm/" in line for line in lines)
    assert not any(token in line for line in lines)
