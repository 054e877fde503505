"""Letters that are alike are rendered once and filled: to the letter what each would be by itself."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from campaigns.models import Campaign, Content, Locale
from campaigns.published import Published, published
from entries.messages import AnyLetter, Letter, LikeLetter, Own, Words, words_of
from entries.rendering import Renderer
from waves.explanation import Outcome
from waves.models import Wave

KIND = "selected"
HOSTILE = (
    "Ada",
    "Jürgen Öz",
    "王 小明",
    "<b>Ada</b>",
    "A & B",
    "O'Brien",
    "https://evil.example/x",
    "{code}",
    "xname7f3dq",
    "xcode7f3dq xlink7f3dq",
    "Ada\u202e",
    "  Ada  Byron ",
    "a\nb",
    "",
)
BODIES = (
    "Hello {name}, your code for {market} is {code}: {link}",
    "See https://shop.example/{code}?who={name} and (https://shop.example/{name}).",
    "{name}{code}{name}",
    "xname7f3dq {name} {{name}} <i>{code}</i>",
)


@pytest.fixture(params=BODIES)
def found(request: pytest.FixtureRequest, tour: Campaign) -> Published:
    """The tour as it is published, with a text of its own for the mail."""
    Content.objects.filter(campaign=tour, locale_id="en_US").update(
        selected_body=request.param, selected_subject="For {name}: {market}"
    )
    return published(tour.domain)


def letter_to(own: Own, found: Published) -> LikeLetter:
    """A mail with a code."""
    market = found.markets[0]
    outcome = Outcome(wave=Wave(pk=1, campaign=found.campaign), is_selected=True, market=market, choice=1)

    def letter_with(other: Own) -> Letter:
        values = {"link": other.link, "name": other.name, "code": other.code, "market": str(market)}
        shown = Outcome(**{**outcome.__dict__, "code": other.code, "link": "https://tickets.example/buy"})
        return Letter(context={"outcome": shown, "link": other.link}, values=values)

    return LikeLetter(likeness="a", own=own, letter_with=letter_with)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    name=st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)),
    code=st.one_of(st.sampled_from(("VF7K-000001", "<x>", "a b", "{name}", "https://x.example")), st.text("AZ09-_")),
    token=st.text("aZ0_:-", min_size=1),
)
@example(name="Ada", code="VF7K-000001", token="a:b-c_d")
def test_a_filled_letter_is_the_letter_itself(found: Published, name: str, code: str, token: str) -> None:
    renderer, locale = Renderer(found), found.default_locale
    others = [Own(link=f"{found.campaign.site_url}confirm/t{n}/", name="Ben Bo", code=f"C-{n}") for n in range(3)]
    for own in (*others, Own(link=f"{found.campaign.site_url}confirm/{token}/", name=name, code=code)):
        letter = letter_to(own, found)

        assert renderer.words(KIND, letter, locale) == words_of(KIND, letter, locale=locale, published=found)


def test_a_letter_like_others_is_not_rendered_again(found: Published, monkeypatch: pytest.MonkeyPatch) -> None:
    renderer = Renderer(found)
    rendered: list[str] = []
    whole = renderer._whole

    def whole_and_counted(kind: str, letter: AnyLetter, locale: Locale) -> Words:
        rendered.append(kind)
        return whole(kind, letter, locale)

    monkeypatch.setattr(renderer, "_whole", whole_and_counted)

    for number in range(20):
        own = Own(link=f"{found.campaign.site_url}confirm/t{number}/", name=f"Ada {number}", code=f"C-{number}")
        renderer.words(KIND, letter_to(own, found), found.default_locale)

    is_fillable = "https://" not in found.texts("en_US")["selected_body"].replace("{link}", "")
    is_fillable = is_fillable and "xname" not in found.texts("en_US")["selected_body"]
    assert len(rendered) == (3 if is_fillable else 21)
