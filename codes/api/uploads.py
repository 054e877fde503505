"""REST: uploads of codes."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from campaigns.models import Event, Market
from codes.api.scope import CAMPAIGN, CampaignQuery
from codes.models import Upload
from codes.upload import MOST_BYTES, pool_for, start_upload
from core.api import JobSerializer, NewestJobFirst
from core.parsing import UploadParser
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class RefusedLineSerializer(serializers.Serializer[Any]):
    """One line of the file that gave no code."""

    line = serializers.IntegerField()
    reason = serializers.CharField()


class UploadSerializer(JobSerializer[Upload]):
    """A file of codes on its way into a pool."""

    campaign = serializers.CharField(source="campaign.domain", read_only=True)
    market = serializers.CharField(source="pool.market.code", read_only=True)
    event = serializers.CharField(source="pool.event.code", read_only=True, allow_null=True, default=None)
    code_type = serializers.CharField(source="pool.code_type", read_only=True)
    refused_lines = RefusedLineSerializer(many=True, read_only=True, help_text="The first hundred.")

    class Meta:
        model = Upload
        fields = (
            *JobSerializer.JOB_FIELDS,
            "campaign",
            "market",
            "event",
            "code_type",
            "file_name",
            "size_bytes",
            "added",
            "already_there",
            "refused",
            "refused_lines",
            "uploaded_by",
        )
        read_only_fields = fields


class NewUploadSerializer(serializers.Serializer[Any]):
    """A CSV file of codes for one pool."""

    campaign = CampaignField()
    market = serializers.CharField(max_length=40, help_text="The market's code.")
    event = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="The event's code, where each has its own pool."
    )
    code_type = serializers.CharField(max_length=40, required=False, default="presale")
    file = serializers.FileField(allow_empty_file=True)

    def validate(self, attrs: Any) -> Any:
        """Find market and event in the campaign."""
        market = Market.objects.filter(campaign=attrs["campaign"], code=attrs["market"]).first()
        if market is None:
            raise serializers.ValidationError({"market": ["The campaign has no such market."]})
        event = None
        if code := attrs.get("event"):
            event = Event.objects.filter(campaign=attrs["campaign"], code=code).first()
            if event is None:
                raise serializers.ValidationError({"event": ["The campaign has no such event."]})
        return {**attrs, "market": market, "event": event}


def _uploads() -> QuerySet[Upload]:
    return Upload.objects.select_related("campaign", "pool__market", "pool__event")


class Uploads(StaffEndpoint, generics.GenericAPIView[Upload]):
    """Uploads of codes."""

    required_action = Action.MANAGE_CODES
    queryset = Upload.objects.none()
    serializer_class = UploadSerializer
    pagination_class = NewestJobFirst
    parser_classes = [UploadParser]
    most_bytes = MOST_BYTES

    @extend_schema(
        operation_id="codes_uploads_list",
        parameters=[CAMPAIGN],
        responses=UploadSerializer(many=True),
        tags=["codes"],
    )
    def get(self, request: Request) -> Response:
        """A campaign's uploads, the newest first."""
        campaign = CampaignQuery.campaign_of(self)
        page = self.paginate_queryset(_uploads().filter(campaign=campaign)) or []
        return self.get_paginated_response(UploadSerializer(page, many=True).data)

    @extend_schema(
        operation_id="codes_uploads_create",
        request={"multipart/form-data": NewUploadSerializer},
        responses={202: UploadSerializer},
        tags=["codes"],
    )
    def post(self, request: Request) -> Response:
        """Send a CSV file of codes; a worker reads it. Watch the upload until its status is ``finished``."""
        asked = NewUploadSerializer(data=request.data, context={"view": self})
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        file, now = values["file"], timezone.now()
        upload = start_upload(
            pool=pool_for(
                market=values["market"],
                event=values["event"],
                code_type=values["code_type"],
                actor=self.viewer,
                now=now,
            ),
            file=file,
            file_name=file.name,
            size=file.size,
            actor=self.viewer,
            now=now,
        )
        return Response(UploadSerializer(upload).data, status=status.HTTP_202_ACCEPTED)


class OneUpload(StaffEndpoint, generics.RetrieveAPIView[Upload]):
    """One upload: its progress, what it added, and the lines that it refused."""

    queryset = _uploads()
    serializer_class = UploadSerializer

    def get_queryset(self) -> QuerySet[Upload]:
        """Those of campaigns that the viewer may view."""
        return self.visible(super().get_queryset())
