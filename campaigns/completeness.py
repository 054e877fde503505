"""What a campaign shows in each locale: its own, the default locale's in its place, or nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count

from campaigns.models import Campaign, Content, Faq, Image, Locale
from campaigns.models.content import REFUSALS

OWN, FALLS_BACK, MISSING = "own", "falls back", "missing"
TITLES: Mapping[str, str] = {
    "title": "Title",
    "not_started": "Not started",
    "open": "Open",
    "registered": "Registered",
    "closed": "Closed",
    "selected": "Selected",
    "not_selected": "Not selected",
    "finished": "Finished",
    "confirmation": "Confirmation",
    "receipt": "Receipt",
    "reminder": "Reminder",
}


@dataclass(frozen=True)
class Item:
    """One thing that can stand in each locale: its group, and its name there."""

    group: str
    name: str
    title: str
    is_needed: bool = False


def items() -> list[Item]:
    """Everything, in the order in which fans meet it."""
    pages, mails = [], []
    for text in Content.TEXTS:
        mail, _, part = text.rpartition("_")
        if part in ("subject", "body"):
            words = "subject" if part == "subject" else "text"
            mails.append(Item("Mails", text, f"{TITLES[mail]}: {words}"))
        else:
            pages.append(Item("Pages", text, TITLES[text], is_needed=text in Content.NEEDED))
    images = [Item("Images", kind, label.capitalize()) for kind, label in Image.Kind.choices]
    faqs = [Item("Questions", page, label.capitalize()) for page, label in Faq.Page.choices]
    refusals = [Item("Refusals", code, words.capitalize()) for code, words in REFUSALS.items()]
    return [*pages, *mails, *images, *faqs, *refusals]


@dataclass(frozen=True)
class Completeness:
    """What is written, by locale. ``found`` holds what each locale has: group and name → a count, or 1."""

    campaign: Campaign
    locales: tuple[Locale, ...]
    contents: Mapping[str, Content]
    images: Mapping[tuple[str, str], int]
    """Ids of images by locale and kind."""
    found: Mapping[str, Mapping[tuple[str, str], int]]

    def state(self, locale: str, item: Item) -> str:
        """Whether a locale has its own, falls back to the default one, or shows nothing."""
        key = (item.group, item.name)
        if self.found.get(locale, {}).get(key):
            return OWN
        return FALLS_BACK if self.found.get(self.campaign.default_locale_id, {}).get(key) else MISSING

    def missing(self) -> list[str]:
        """The needed texts that the default locale lacks."""
        default = self.campaign.default_locale_id
        return [item.name for item in items() if item.is_needed and self.state(default, item) != OWN]

    def falling_back(self) -> Mapping[str, int]:
        """How many pages and mails each offered locale shows in the default one's words."""
        counted = [item for item in items() if item.group in ("Pages", "Mails")]
        counts = {
            locale.code: sum(self.state(locale.code, item) == FALLS_BACK for item in counted) for locale in self.locales
        }
        return {code: count for code, count in counts.items() if count}


def completeness_of(campaign: Campaign) -> Completeness:
    """Read what is there, in four queries. Locales come in the order of their names, the default one first."""
    contents = {content.locale_id: content for content in campaign.contents.all()}
    images = {(locale, kind): pk for locale, kind, pk in campaign.images.values_list("locale", "kind", "pk")}
    faqs = campaign.faqs.order_by().values_list("locale", "page").annotate(questions=Count("pk"))
    found: dict[str, dict[tuple[str, str], int]] = {}
    for code, content in contents.items():
        found[code] = dict.fromkeys(_written(content), 1)
    for code, kind in images:
        found.setdefault(code, {})["Images", kind] = 1
    for code, page, questions in faqs:
        found.setdefault(code, {})["Questions", page] = questions
    return Completeness(
        campaign=campaign, locales=tuple(_locales(campaign)), contents=contents, images=images, found=found
    )


def _locales(campaign: Campaign) -> list[Locale]:
    default = campaign.default_locale_id
    offered = {locale.code: locale for locale in campaign.locales.all()}
    offered.setdefault(default, campaign.default_locale)
    return sorted(offered.values(), key=lambda locale: (locale.code != default, locale.name.casefold(), locale.code))


def _written(content: Content) -> Iterable[tuple[str, str]]:
    for item in items():
        if item.group in ("Pages", "Mails") and getattr(content, item.name).strip():
            yield item.group, item.name
    for code, words in content.errors.items():
        if words.strip():
            yield "Refusals", code
