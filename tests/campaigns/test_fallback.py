"""A locale shows its own, else the default locale's, each text, image and page of questions alone."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.completeness import FALLS_BACK, MISSING, OWN, Completeness, items
from campaigns.models import Campaign, Content, Faq, Image, Locale
from campaigns.models.content import REFUSALS
from campaigns.published import Published
from core.refusal import Refusal

LOCALES = ("en_US", "es_MX", "ar_EG")
TEXT = st.sampled_from(["", " ", "\n", "own"])
WRITTEN = st.dictionaries(st.sampled_from(Content.TEXTS), TEXT)
MIXTURE = st.dictionaries(st.sampled_from(LOCALES), WRITTEN)
PLACES = st.sets(st.tuples(st.sampled_from(LOCALES), st.sampled_from(Image.Kind.values)))
QUESTIONS = st.dictionaries(st.tuples(st.sampled_from(LOCALES), st.sampled_from(Faq.Page.values)), st.integers(1, 3))


def published_with(contents: dict[str, dict[str, str]], **parts: object) -> Published:
    """A campaign whose default is English, with these texts, each told apart by its locale."""
    campaign = Campaign(default_locale_id="en_US", status=Campaign.Status.OPEN)
    rows = {
        code: Content(
            locale_id=code, **{name: f"{code} {name}" if text == "own" else text for name, text in texts.items()}
        )
        for code, texts in contents.items()
    }
    locales = tuple(Locale(code=code) for code in LOCALES)
    return Published(campaign=campaign, markets=(), fields=(), locales=locales, contents=rows, **parts)  # type: ignore[arg-type]  # Named by the tests below.


@given(MIXTURE, st.sampled_from([*LOCALES, "fr_FR"]))
def test_any_mixture_of_missing_texts_gives_the_right_one(contents: dict[str, dict[str, str]], asked: str) -> None:
    texts = published_with(contents).texts(asked)

    assert set(texts) == set(Content.TEXTS)
    for name in Content.TEXTS:
        own, default = (contents.get(code, {}).get(name, "") == "own" for code in (asked, "en_US"))
        assert texts[name] == (f"{asked} {name}" if own else f"en_US {name}" if default else "")


@given(st.dictionaries(st.sampled_from(LOCALES), st.dictionaries(st.sampled_from(list(REFUSALS)), TEXT)))
def test_any_mixture_of_words_for_refusals_gives_the_right_ones(errors: dict[str, dict[str, str]]) -> None:
    found = published_with({code: {} for code in errors})
    for code, words in errors.items():
        found.contents[code].errors = {key: f"{code} {key}" if text == "own" else text for key, text in words.items()}

    for asked in LOCALES:
        for key in set(REFUSALS) - {"not_open"}:
            refusal = Refusal("built in")
            refusal.code = key
            own, default = (errors.get(code, {}).get(key) == "own" for code in (asked, "en_US"))
            wanted = f"{asked} {key}" if own else f"en_US {key}" if default else "built in"
            assert found.refusal_words(refusal, asked) == wanted


@given(PLACES, QUESTIONS)
def test_each_image_falls_back_alone_and_questions_by_page(
    places: set[tuple[str, str]], questions: dict[tuple[str, str], int]
) -> None:
    found = published_with(
        {},
        all_images={(code, kind): Image(locale_id=code, kind=kind) for code, kind in places},
        all_faqs={key: tuple(Faq(locale_id=key[0], page=key[1]) for _ in range(n)) for key, n in questions.items()},
    )

    for asked in LOCALES:
        for kind in Image.Kind.values:
            way = next((code for code in (asked, "en_US") if (code, kind) in places), None)
            image = found.images(asked).get(kind)
            assert (image.locale_id if image else None) == way
        for page in Faq.Page.values:
            way = next((code for code in (asked, "en_US") if (code, page) in questions), None)
            assert {faq.locale_id for faq in found.faqs(asked, page)} == ({way} if way else set())


@given(MIXTURE)
def test_the_matrix_says_what_fans_read(contents: dict[str, dict[str, str]]) -> None:
    found = published_with(contents)
    written = {code: {("Pages", n): 1 for n, t in texts.items() if t.strip()} for code, texts in contents.items()}
    matrix = Completeness(found.campaign, found.locales, found.contents, {}, written)

    for item in items():
        if item.group == "Pages":
            for code in LOCALES:
                text = found.texts(code)[item.name]
                wanted = OWN if text.startswith(code) else FALLS_BACK if text else MISSING
                assert matrix.state(code, item) == wanted
