"""REST: exports, and the address from which one is downloaded."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from codes.api.scope import CAMPAIGN, CampaignQuery
from core.api import JobSerializer, NewestJobFirst
from exports.delivery import LINK_SECONDS, download_url, schedule_export
from exports.models import Export
from viewers.api import StaffEndpoint
from viewers.permissions import Action
from waves.models import Wave


class ExportSerializer(JobSerializer[Export]):
    """A file of a campaign's data, made in the background."""

    campaign = serializers.CharField(source="campaign.domain", read_only=True)
    wave = serializers.IntegerField(source="wave_id", read_only=True, allow_null=True)
    rows = serializers.IntegerField(read_only=True, help_text="Without the header.")

    class Meta:
        model = Export
        fields = (
            *JobSerializer.JOB_FIELDS,
            "campaign",
            "dataset",
            "wave",
            "format",
            "is_masked",
            "rows",
            "size_bytes",
            "requested_by",
        )
        read_only_fields = fields


class NewExportSerializer(serializers.Serializer[Any]):
    """What is to be exported."""

    campaign = CampaignField()
    dataset = serializers.ChoiceField(choices=Export.Dataset.choices)
    wave = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, help_text="The wave's id; `selection` needs one."
    )

    def validate(self, attrs: Any) -> Any:
        """Find the wave in the campaign."""
        number = attrs.get("wave")
        wave = None
        if number is not None:
            wave = Wave.objects.filter(campaign=attrs["campaign"], pk=number).first()
            if wave is None:
                raise serializers.ValidationError({"wave": ["The campaign has no such wave."]})
        return {**attrs, "wave": wave}


class DownloadSerializer(serializers.Serializer[Any]):
    """A signed address. Whoever has it can download the file."""

    url = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


class ExportEndpoint(StaffEndpoint):
    """What staff take out of the system."""

    required_action = Action.EXPORT
    read_action = Action.EXPORT


def _exports() -> QuerySet[Export]:
    return Export.objects.select_related("campaign")


class Exports(ExportEndpoint, generics.GenericAPIView[Export]):
    """The exports of a campaign."""

    queryset = Export.objects.none()
    serializer_class = ExportSerializer
    pagination_class = NewestJobFirst

    @extend_schema(
        operation_id="exports_list",
        parameters=[CAMPAIGN],
        responses=ExportSerializer(many=True),
        tags=["exports"],
    )
    def get(self, request: Request) -> Response:
        """A campaign's exports, the newest first."""
        campaign = CampaignQuery.campaign_of(self)
        page = self.paginate_queryset(_exports().filter(campaign=campaign)) or []
        return self.get_paginated_response(ExportSerializer(page, many=True).data)

    @extend_schema(
        operation_id="exports_create",
        request=NewExportSerializer,
        responses={202: ExportSerializer},
        tags=["exports"],
    )
    def post(self, request: Request) -> Response:
        """Ask for an export; a worker makes it. Watch it until its status is ``finished``."""
        asked = NewExportSerializer(data=request.data, context={"view": self})
        asked.is_valid(raise_exception=True)
        export = schedule_export(actor=self.viewer, now=timezone.now(), **asked.validated_data)
        return Response(ExportSerializer(export).data, status=status.HTTP_202_ACCEPTED)


class OneExport(ExportEndpoint, generics.RetrieveAPIView[Export]):
    """One export and its progress."""

    queryset = _exports()
    serializer_class = ExportSerializer

    def get_queryset(self) -> QuerySet[Export]:
        """Those of campaigns that the viewer may view."""
        return self.visible(super().get_queryset())


class DownloadExport(ExportEndpoint):
    """The way to an export's file."""

    is_dangerous = True

    @extend_schema(operation_id="exports_download", responses=DownloadSerializer, tags=["exports"])
    def get(self, request: Request, pk: str) -> Response:
        """A signed address of the file, good for one hour; made anew and noted in the audit trail each time."""
        export = get_object_or_404(self.visible(_exports().select_related("wave")), pk=pk)
        self.check_object_permissions(request, export)
        url = download_url(export=export, actor=self.viewer, now=timezone.now())
        return Response({"url": url, "expires_in": LINK_SECONDS})
