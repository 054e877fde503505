"""Which catalogue labels are kept in every interface language."""

from modeltranslation.translator import TranslationOptions, register

from campaigns.models import Field, Gate, Venue


@register(Field)
class FieldTranslation(TranslationOptions):
    """A question's words."""

    fields = ("label", "help_text")


@register(Gate)
class GateTranslation(TranslationOptions):
    """What a fan reads who does not pass."""

    fields = ("message",)


@register(Venue)
class VenueTranslation(TranslationOptions):
    """A venue's name and city, as in 東京 for Tokyo."""

    fields = ("name", "city")
