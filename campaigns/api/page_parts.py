"""REST: what stands beside a campaign's texts in each locale: images and frequent questions."""

import time
from collections.abc import Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from campaigns import faqs, images
from campaigns.api.setup import OfCampaign
from campaigns.api.writing import SetUpSerializer
from campaigns.models import Campaign, Faq, Image, Locale
from core import audit
from core.parsing import UploadParser
from core.throttling import Buckets
from viewers.access import SAFE_METHODS
from viewers.permissions import Action
from viewers.viewer import viewer_of_request

METHODS = ["get", "head", "post", "patch", "delete"]
IMAGES_PER_SECOND = 1.0
MOST_IMAGES_AT_ONCE = 30
decoding = Buckets()
"""How many images each account may still send: to decode a large one takes a second of a processor."""


class ImageThrottle(BaseThrottle):
    """Lets an account send one image a second, and thirty ahead; reading has no limit."""

    def __init__(self) -> None:
        self._wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Take a token of the account."""
        if request.method in (*SAFE_METHODS, "DELETE"):
            return True
        viewer = viewer_of_request(request)
        key = f"{viewer.kind}:{viewer.id}"
        self._wait = decoding.take(key, rate=IMAGES_PER_SECOND, burst=MOST_IMAGES_AT_ONCE, now=time.monotonic())
        return self._wait == 0.0

    def wait(self) -> float:
        """Seconds until the account has a token again."""
        return self._wait


class LocaleField(serializers.PrimaryKeyRelatedField[Locale]):
    """A locale by its code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(queryset=Locale.objects.all(), pk_field=serializers.CharField(max_length=10), **options)


class PartSerializer[M: models.Model](SetUpSerializer[M]):
    """What a locale has beside its texts. What places it stays as it was made."""

    fixed: tuple[str, ...] = ()

    def update(self, instance: M, validated_data: Any) -> M:
        """Refuse another place; store the rest."""
        moved = [name for name in self.fixed if validated_data.get(name, found := getattr(instance, name)) != found]
        if moved:
            raise serializers.ValidationError({name: ["It stays as it was made."] for name in moved})
        return super().update(instance, validated_data)


class FaqSerializer(PartSerializer[Faq]):
    """A frequent question; the answer is HTML that is cleaned like page texts."""

    fixed = ("locale", "page")
    locale = LocaleField()
    number = serializers.IntegerField(
        min_value=1, max_value=1000, required=False, help_text="Its place on its page; without one it comes last."
    )

    class Meta:
        model = Faq
        fields = ("id", "locale", "page", "number", "question", "answer")
        validators: list[Any] = []

    def create(self, validated_data: Any) -> Faq:
        """Store it at its place; the others make room."""
        with transaction.atomic():
            _lock(validated_data["campaign"])
            return super().create({"number": None, **validated_data})

    def update(self, instance: Faq, validated_data: Any) -> Faq:
        """Store what changes; at another place the others make room."""
        with transaction.atomic():
            _lock(instance.campaign)
            return super().update(instance, validated_data)

    def _fill(self, row: Faq, values: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Make room where a place is asked for, and say where it came to stand."""
        changes = super()._fill(row, {name: value for name, value in values.items() if name != "number"})
        if "number" in values:
            before = row.number
            faqs.make_room(row, values["number"])
            if row.number != before:
                changes["number"] = [before, row.number]
        return changes


class ImageSerializer(PartSerializer[Image]):
    """An image. Its file is decoded and encoded anew; its ``url`` never shows anything else."""

    fixed = ("locale", "kind")
    locale = LocaleField()
    url = serializers.CharField(read_only=True)
    file = serializers.FileField(write_only=True, allow_empty_file=True, help_text=images.HELP)

    class Meta:
        model = Image
        fields = (
            "id",
            "locale",
            "kind",
            "alternative_text",
            "url",
            "content_type",
            "width",
            "height",
            "size_bytes",
            "file",
        )
        read_only_fields = ("content_type", "width", "height", "size_bytes")
        validators: list[Any] = []

    def _fill(self, row: Image, values: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Store the file's picture, then set the row's values and what they say of it."""
        told = ("key", "content_type", "width", "height", "size_bytes")
        before = {name: getattr(row, name) for name in told}
        changes = super()._fill(row, {name: value for name, value in values.items() if name != "file"})
        file = values.get("file")
        if isinstance(file, UploadedFile) and file.file is not None:
            images.put_into(row, images.decoded(file.file, size=file.size or 0, kind=row.kind))
            changes |= {name: [before[name], getattr(row, name)] for name in told if before[name] != getattr(row, name)}
        return changes


def _lock(campaign: Campaign) -> None:
    """Have changes of an order take turns."""
    Campaign.objects.select_for_update(no_key=True).values_list("pk").get(pk=campaign.pk)


class PartEndpoint(OfCampaign):
    """Images or frequent questions."""

    required_action = Action.EDIT_CONTENT
    http_method_names = METHODS

    def perform_destroy(self, instance: Any) -> None:
        """Delete a row, and keep in the history what it held."""
        row: models.Model = instance
        held = {
            field.name: [audit.recorded(getattr(row, field.attname)), None]
            for field in row._meta.concrete_fields
            if not field.primary_key and getattr(row, field.attname) not in (None, "")
        }
        with transaction.atomic():
            audit.record(
                actor=self.viewer,
                action=f"{row._meta.model_name}.delete",
                target=row,
                campaign_id=self.campaign.pk,
                changes=held,
                now=timezone.now(),
            )
            row.delete()


class Faqs(PartEndpoint, generics.ListCreateAPIView[Faq]):
    """The frequent questions of a campaign, locale by locale and page by page in their order; and a new one."""

    queryset = Faq.objects.none()
    serializer_class = FaqSerializer

    def get_queryset(self) -> QuerySet[Faq]:
        """The campaign's own."""
        return self.campaign.faqs.order_by("locale_id", "page", "number", "pk")


class OneFaq(PartEndpoint, generics.RetrieveUpdateDestroyAPIView[Faq]):
    """One frequent question, by its id."""

    queryset = Faq.objects.none()
    serializer_class = FaqSerializer

    def get_queryset(self) -> QuerySet[Faq]:
        """The campaign's own."""
        return self.campaign.faqs.select_related("campaign").order_by("pk")


class Images(PartEndpoint, generics.ListCreateAPIView[Image]):
    """The images of a campaign in all its locales; and a new one, sent as a form."""

    queryset = Image.objects.none()
    serializer_class = ImageSerializer
    parser_classes = [UploadParser]
    most_bytes = images.MOST_BYTES
    throttle_classes = [ImageThrottle]

    def get_queryset(self) -> QuerySet[Image]:
        """The campaign's own."""
        return self.campaign.images.order_by("locale_id", "kind", "pk")

    @extend_schema(request={"multipart/form-data": ImageSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Send an image for a place where a locale has none yet."""
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        asked.save(campaign=self.campaign)
        return Response(asked.data, status=status.HTTP_201_CREATED)


class OneImage(PartEndpoint, generics.RetrieveUpdateDestroyAPIView[Image]):
    """One image, by its id; what changes of it is sent as a form."""

    queryset = Image.objects.none()
    serializer_class = ImageSerializer
    parser_classes = [UploadParser]
    most_bytes = images.MOST_BYTES
    throttle_classes = [ImageThrottle]

    def get_queryset(self) -> QuerySet[Image]:
        """The campaign's own."""
        return self.campaign.images.select_related("campaign").order_by("pk")

    @extend_schema(request={"multipart/form-data": ImageSerializer})
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Change its alternative text, or send another file for its place."""
        return self.partial_update(request, *args, **kwargs)
