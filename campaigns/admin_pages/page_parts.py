"""A campaign's images and frequent questions, each in one locale."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns import faqs, images, placeholders, rich_text
from campaigns.admin_pages.scoped import ScopedAdmin, ScopedForm
from campaigns.admin_pages.transfer import CampaignTransferAdmin, pages_of
from campaigns.images import BadImage, Picture
from campaigns.models import Faq, Image, Locale
from core.admin_forms import styled
from viewers.permissions import Action


def offer_locales(form: forms.BaseForm) -> None:
    """Offer the locales in use, by name."""
    menu = form.fields.get("locale")
    if isinstance(menu, forms.ModelChoiceField):
        menu.queryset = Locale.objects.filter(is_active=True).order_by("name", "code")


class ImageForm(ScopedForm[Image]):
    """An image's file and words. The file is judged and encoded anew before anything is stored."""

    rules = {"campaign,locale,kind": ("kind", "There is an image of this kind in this locale already: change that.")}
    file = forms.FileField(
        label="File",
        widget=forms.FileInput(attrs={"class": "mq-file", "accept": "image/jpeg,image/png,image/webp"}),
        help_text=images.HELP,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_locales(self)
        if "file" in self.fields and self.instance.pk is not None:
            self.fields["file"].required = False
            self.fields["file"].label = "New file"
            self.fields["file"].help_text = f"Choose none to keep what is there. {images.HELP}"

    def clean(self) -> dict[str, Any]:
        """Decode the file for where it will be shown."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload, kind = cleaned.get("file"), cleaned.get("kind") or self.instance.kind
        if isinstance(upload, UploadedFile) and upload.file is not None and kind in images.SHOWN_PIXELS:
            try:
                cleaned["file"] = images.decoded(upload.file, size=upload.size or 0, kind=kind)
            except BadImage as refusal:
                self.add_error("file", refusal.message)
        return cleaned


class ContentPartAdmin[M: (Image, Faq)](ScopedAdmin[M]):
    """What a locale has beside its texts. It can go at any time: the default locale's stands in for it."""

    section = "content"
    can_add = can_delete = True
    edit_right = Action.EDIT_CONTENT
    list_select_related = ("locale", "campaign")
    sortable_by = ()
    fixed: tuple[str, ...] = ()
    """What places it, and stays."""

    def get_readonly_fields(self, request: HttpRequest, obj: M | None = None) -> tuple[str, ...]:
        """Its place stays."""
        return self.fixed if obj is not None else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The place that the link names."""
        campaign = self.campaign_of(request)
        known = {"locale": campaign.default_locale_id} if campaign is not None else {}
        return {**known, **{name: request.GET[name] for name in self.fixed if name in request.GET}}

    @admin.display(description="locale", ordering="locale")
    def locale_column(self, part: M) -> SafeString:
        """The locale by its own name."""
        return format_html('<span dir="auto">{}</span>', part.locale)


@admin.register(Image)
class ImageAdmin(ContentPartAdmin[Image]):
    """The pictures of pages and mails."""

    empty_note = "Pictures of the landing page and the mails, in the default locale first: the others fall back to it."
    list_display = ("picture_column", "kind", "locale_column", "size_column", "alternative_text")
    list_filter = ("kind", ("locale", admin.RelatedOnlyFieldListFilter))
    ordering = ("kind", "locale", "pk")
    form = ImageForm
    fields = ("picture_column", "locale", "kind", "file", "alternative_text")
    fixed = ("locale", "kind")

    def get_fields(self, request: HttpRequest, obj: Image | None = None) -> tuple[str, ...]:
        """The present picture above what replaces it."""
        shown = ("picture_column",) if obj is not None else ()
        return (*shown, "locale", "kind", "file", "alternative_text")

    def get_readonly_fields(self, request: HttpRequest, obj: Image | None = None) -> tuple[str, ...]:
        """What it shows now, and where."""
        return ("picture_column", *super().get_readonly_fields(request, obj)) if obj is not None else ()

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        """Store the file, then the row; a file without a row is never shown."""
        picture = form.cleaned_data.get("file")
        if isinstance(picture, Picture):
            images.put_into(obj, picture)
        super().save_model(request, obj, form, change)
        if change and isinstance(picture, Picture):
            obj.save(update_fields=["key", "content_type", "width", "height", "size_bytes"])

    @admin.display(description="picture")
    def picture_column(self, image: Image) -> SafeString:
        """The picture, small."""
        return format_html('<img class="mq-picture" src="{}" alt="{}" loading="lazy">', image.path, image)

    @admin.display(description="size")
    def size_column(self, image: Image) -> str:
        """Its size, in pixels and as a file."""
        return f"{image.width:,} × {image.height:,}, {max(1, round(image.size_bytes / 1024)):,} KB"


class FaqForm(ScopedForm[Faq]):
    """A question with its answer, and its place among the page's others."""

    place = forms.IntegerField(
        label="Place", required=False, min_value=1, max_value=1000, help_text="1 is the first; empty is the last."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_locales(self)
        if self.instance.pk is not None:
            self.initial["place"] = self.instance.number
        for name in ("question", "answer"):
            if name in self.fields:
                self.fields[name].widget.attrs["dir"] = "auto"
        if "answer" in self.fields:
            known = placeholders.listed(placeholders.FOR_EVERYBODY)
            self.fields["answer"].help_text = f"It can say {known}. {rich_text.HELP}"
        styled(self)


@admin.register(Faq)
class FaqAdmin(CampaignTransferAdmin[Faq], ContentPartAdmin[Faq]):
    """Frequent questions of the landing and the confirmation page."""

    empty_note = "Questions that fans would otherwise ask by mail, in the default locale first."
    list_display = ("question_column", "locale_column", "page", "number")
    list_filter = ("page", ("locale", admin.RelatedOnlyFieldListFilter))
    search_fields = ("question",)
    search_help_text = "Question"
    ordering = ("page", "locale", "number", "pk")
    form = FaqForm
    fields = ("locale", "page", "place", "question", "answer")
    pages = pages_of(Action.EDIT_CONTENT)
    fixed = ("locale", "page")

    def save_model(self, request: HttpRequest, obj: Faq, form: Any, change: bool) -> None:
        """Make room at its place, then write it."""
        if not change or "place" in form.changed_data:
            faqs.make_room(obj, form.cleaned_data.get("place"))
        super().save_model(request, obj, form, change)
        if change:
            obj.save(update_fields=["number"])

    @admin.display(description="question", ordering="question")
    def question_column(self, faq: Faq) -> SafeString:
        """The question, in its own direction."""
        return format_html('<strong class="mq-name" dir="auto">{}</strong>', faq.question)
