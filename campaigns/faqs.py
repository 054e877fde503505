"""The order of frequent questions."""

from campaigns.models import Faq


def make_room(faq: Faq, place: int | None) -> None:
    """Give a question its number on its page, last without a place, and move the others; the caller saves the row."""
    rows = Faq.objects.filter(campaign=faq.campaign_id, locale=faq.locale_id, page=faq.page)
    others = list(rows.exclude(pk=faq.pk).order_by("number", "pk"))
    index = len(others) if place is None else min(place - 1, len(others))
    for number, other in enumerate([*others[:index], faq, *others[index:]], start=1):
        if other is faq:
            faq.number = number
        elif other.number != number:
            other.number = number
            other.save(update_fields=["number"])
