"""Where a row of the catalogue is used: a column, a note on its page, and the page that says why it cannot go."""

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from campaigns.models import Artist, Campaign, Locale, Promoter, Tracker, Venue
from campaigns.uses import campaigns_with, other_uses, with_uses
from viewers.admin_base import GuardedAdmin
from viewers.permissions import visible
from viewers.viewer import viewer_of_request

SHOWN_CAMPAIGNS = 20


def campaigns_url(row: models.Model) -> str:
    """The list of campaigns, kept to those that use a row."""
    return f"{reverse('admin:campaigns_campaign_changelist')}?{urlencode({str(row._meta.model_name): row.pk})}"


def in_campaigns(count: int) -> str:
    """So many campaigns in words."""
    return f"in {count:,} campaign{'' if count == 1 else 's'}"


class UsedAdmin[M: models.Model](GuardedAdmin[M]):
    """Rows that campaigns use. Of campaigns that the viewer may not view she learns no name."""

    change_form_outer_before_template = "admin/campaigns/catalogue/uses.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """With how many campaigns use each."""
        return with_uses(super().get_queryset(request), viewer_of_request(request))

    @admin.display(description="used", ordering="uses")
    def uses_column(self, row: M) -> str | SafeString:
        """In how many campaigns, linked to their list."""
        count = getattr(row, "uses", 0)
        return (
            format_html('<a class="mq-link" href="{}">{}</a>', campaigns_url(row), in_campaigns(count))
            if count
            else "–"
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The form, below the campaigns that use the row."""
        row = self.get_object(request, object_id) if object_id else None
        context = {**self.uses_context(request, row), **(extra_context or {})} if row is not None else extra_context
        return super().changeform_view(request, object_id, form_url, context)

    def uses_context(self, request: HttpRequest, row: M) -> dict[str, Any]:
        """The campaigns that use a row: those that the viewer may view, and how many others there are."""
        every = campaigns_with(self.model, row.pk)
        seen = visible(viewer_of_request(request), every, field="pk")
        count = seen.count()
        return {
            "row": row,
            "used_in": seen.order_by("-pk")[:SHOWN_CAMPAIGNS],
            "used_words": in_campaigns(count),
            "used_url": campaigns_url(row) if count else "",
            "more_seen": max(0, count - SHOWN_CAMPAIGNS),
            "unseen": every.count() - count,
        }

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The page that asks before deleting; of what is used, one that says by what."""
        row = self.get_object(request, object_id)
        if row is None or not self.has_delete_permission(request, row):
            return super().delete_view(request, object_id, extra_context)
        uses, others = self.uses_context(request, row), other_uses(row)
        if not uses["used_url"] and not uses["unseen"] and not others:
            return super().delete_view(request, object_id, extra_context)
        back = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk])
        context = self.page_context(
            request, f"{row} is used", original=row, others=others, back=back, is_kept=True, **uses
        )
        return TemplateResponse(request, "admin/campaigns/catalogue/kept.html", context, status=409)


class UseFilter(admin.SimpleListFilter):
    """Keeps the list of campaigns to those that use a row; it shows only where an address names one."""

    model: ClassVar[type[models.Model]]

    @property
    def _name(self) -> str:
        return str(self.model._meta.model_name)

    def __init__(self, *args: Any) -> None:
        self.parameter_name = self.title = self._name
        super().__init__(*args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The row that the address names."""
        key = self.used_parameters.get(self._name)
        if key is None:
            return []
        row = self._row(str(key))
        return [(str(key), str(row) if row is not None else "?")]

    def _row(self, key: str) -> models.Model | None:
        is_good = len(key) < 18 and "\0" not in key and (self.model is Locale or (key.isascii() and key.isdigit()))
        return self.model._default_manager.filter(pk=key).first() if is_good else None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Campaign]) -> QuerySet[Campaign]:
        """The campaigns that use it."""
        key = self.value()
        if key is None:
            return queryset
        row = self._row(key)
        return queryset.filter(pk__in=campaigns_with(self.model, row.pk).values("pk")) if row else queryset.none()


def _filter_of(kind: type[models.Model]) -> type[UseFilter]:
    return type(f"{kind.__name__}Filter", (UseFilter,), {"model": kind})


USE_FILTERS = tuple(_filter_of(kind) for kind in (Artist, Venue, Promoter, Tracker, Locale))
