"""What an operator's page text may hold, and what becomes of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rich_text import as_html, cleaned


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Tom & Ada\n\n1 < 2 <3", "Tom & Ada\n\n1 < 2 <3"),
        ("<p>Hi</p><script>alert(1)</script>", "<p>Hi</p>"),
        ("Tom & Ada<script>alert(1)</script>", "Tom & Ada"),
        ("<style>p{}</style><p style='color:red' class='x' id='y'>Hi</p>", "<p>Hi</p>"),
        ("<b>now</b> and <i>here</i>", "<strong>now</strong> and <em>here</em>"),
        ("<h1>Big</h1><h3>Small</h3>", "Big<h3>Small</h3>"),
        (
            '<a href="https://a.example" onclick="x" target="_blank">a</a>',
            '<a href="https://a.example" rel="noopener nofollow">a</a>',
        ),
        ('<a href="mailto:a@b.example">a</a>', '<a href="mailto:a@b.example" rel="noopener nofollow">a</a>'),
        ('<a href="javascript:alert(1)">a</a>', '<a rel="noopener nofollow">a</a>'),
        ('<a href=" java&#115;cript:alert(1)">a</a>', '<a rel="noopener nofollow">a</a>'),
        ('<a href="http://a.example">a</a>', '<a rel="noopener nofollow">a</a>'),
        ('<a href="/staff/logout/">a</a>', '<a rel="noopener nofollow">a</a>'),
        ('<a href="{link}">a</a>', '<a href="{link}" rel="noopener nofollow">a</a>'),
        ('<img src="x" onerror="alert(1)"><iframe src="//x"></iframe>', ""),
        ("<p> </p>", ""),
        ("&lt;b&gt;<u>x</u>", "<p>&lt;b&gt;x</p>"),
    ],
)
def test_a_text_is_cleaned_when_it_is_saved(typed: str, kept: str) -> None:
    assert cleaned(typed) == kept
    assert cleaned(kept) == kept


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("<strong>one</strong>\ntwo\n\nthree", "<p><strong>one</strong><br>two</p><p>three</p>"),
        ("<h3>Head</h3>\n\ntext\n\n<ul>\n\n<li>a</li>\n\n<li>b</li></ul>", None),
        ("<img src=x onerror=alert(1)", "<p>&lt;img src=x onerror=alert(1)</p>"),
    ],
)
def test_blank_lines_part_paragraphs_with_tags_or_without(text: str, html: str | None) -> None:
    assert as_html(text) == (html or "<h3>Head</h3><p>text</p><ul><li>a</li><li>b</li></ul>")


@pytest.mark.parametrize("text", ["Dear {name}", "<strong>Dear</strong> {name}", '<a href="{link}">Dear {name}</a>'])
def test_what_a_fan_calls_herself_is_never_html(text: str) -> None:
    html = as_html(text, {"name": "<script>alert(1)</script>{code}", "link": "javascript:alert(1)", "code": "SECRET"})

    assert "<script" not in html
    assert "javascript" not in html
    assert "SECRET" not in html
    assert "&lt;script&gt;" in html


@given(st.text(alphabet=st.sampled_from("<>/=\"'ab phrefscript:onclick&;{}\n"), max_size=120))
def test_nothing_that_is_typed_gets_a_tag_or_attribute_of_its_own_onto_a_page(text: str) -> None:
    html = as_html(cleaned(text), {"name": text})

    assert html == as_html(cleaned(text), {"name": text})
    for part in html.split("<")[1:]:
        assert part.startswith(("p>", "/p>", "br>", "a rel=", "/a>", "strong>", "/strong>", "em>", "/em>")), html
