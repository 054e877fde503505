"""The pages for what goes wrong."""

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils import translation


@pytest.mark.parametrize("name", ["400", "403", "404", "500"])
def test_an_error_page_needs_no_request_to_be_shown(name: str) -> None:
    with translation.override("ar"):
        page = render_to_string(f"{name}.html")

    assert '<html lang="ar" dir="rtl">' in page
    assert "/static/fan/fan.css" in page


def test_an_address_without_a_page_is_told_in_the_visitors_language(client: Client, db: None) -> None:
    response = client.get("/no/such/page", headers={"Accept-Language": "ja"})

    assert response.status_code == 404
    assert "このページは存在しません" in response.content.decode()


@pytest.mark.parametrize("path", ["confirm/é%00/", "entry/draws/%00.json", "?locale=%00", "check-mail/?locale=<b>"])
def test_odd_addresses_break_nothing(client: Client, tour: object, base: str, path: str) -> None:
    client.cookies["monoql_fan"] = "é:x"
    client.cookies["monoql_address"] = "a:b:c"

    assert client.get(f"{base}{path}").status_code < 500
