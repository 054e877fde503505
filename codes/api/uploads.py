"""REST: uploads of codes, from the file to what came of each line."""

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from codes.api.reading import NewUploadSerializer, PreviewSerializer, ReadingSerializer, preview_data
from codes.api.scope import CAMPAIGN, CampaignQuery
from codes.models import Upload
from codes.undoing import undo_upload
from codes.upload import (
    LINK_SECONDS,
    MOST_BYTES,
    begin_upload,
    cancel_upload,
    draft_upload,
    refused_url,
    shares_of,
    start_upload,
)
from core.api import JobSerializer, NewestJobFirst
from core.parsing import UploadParser, body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action


class RefusedLineSerializer(serializers.Serializer[Any]):
    """One line of the file that gave no code."""

    line = serializers.IntegerField()
    reason = serializers.CharField()


class UploadSerializer(JobSerializer[Upload]):
    """Codes on their way into pools: from a file, or made here; or a file of codes that fans have used."""

    campaign = serializers.CharField(source="campaign.domain", read_only=True)
    market = serializers.CharField(
        source="pool.market.code", read_only=True, allow_null=True, default=None, help_text="For lines that name none."
    )
    event = serializers.CharField(source="pool.event.code", read_only=True, allow_null=True, default=None)
    refused_lines = RefusedLineSerializer(many=True, read_only=True, help_text="The first hundred.")
    rate = serializers.FloatField(read_only=True, allow_null=True, help_text="Lines a second, of the present phase.")
    seconds_left = serializers.IntegerField(read_only=True, allow_null=True, help_text="Of the present phase.")

    class Meta:
        model = Upload
        fields = (
            *JobSerializer.JOB_FIELDS,
            "rate",
            "seconds_left",
            "campaign",
            "kind",
            "market",
            "event",
            "code_type",
            "is_all_or_nothing",
            "file_name",
            "size_bytes",
            "lines",
            "added",
            "already_there",
            "refused",
            "refused_lines",
            "uploaded_by",
            "undone_at",
            "undone_by",
        )
        read_only_fields = fields


class PoolResultSerializer(serializers.Serializer[Any]):
    """What one pool got."""

    market = serializers.CharField()
    event = serializers.CharField(allow_null=True)
    code_type = serializers.CharField()
    added = serializers.IntegerField()
    already_there = serializers.IntegerField()


class OneUploadSerializer(UploadSerializer):
    """One upload, and what each pool got of it."""

    pools = serializers.SerializerMethodField()

    class Meta:
        model = Upload
        fields = (*UploadSerializer.Meta.fields, "pools")
        read_only_fields = fields

    @extend_schema_field(PoolResultSerializer(many=True))
    def get_pools(self, upload: Upload) -> list[dict[str, Any]]:
        """What each pool got, in the order of the markets."""
        return [
            {
                "market": share.pool.market.code,
                "event": share.pool.event.code if share.pool.event else None,
                "code_type": share.pool.code_type,
                "added": share.added,
                "already_there": share.already_there,
            }
            for share in shares_of(upload)
        ]


class DraftSerializer(OneUploadSerializer):
    """An upload that waits to be started, with the first rows of its file."""

    preview = serializers.SerializerMethodField()

    class Meta:
        model = Upload
        fields = (*OneUploadSerializer.Meta.fields, "preview")
        read_only_fields = fields

    @extend_schema_field(PreviewSerializer)
    def get_preview(self, upload: Upload) -> dict[str, Any]:
        """What was recognised in the file."""
        return preview_data(upload)


class UndoSerializer(serializers.Serializer[Any]):
    """Why an upload is taken back."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=500)


class LinkSerializer(serializers.Serializer[Any]):
    """A signed address. Whoever has it can download the file."""

    url = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds.")


def _uploads() -> QuerySet[Upload]:
    return Upload.objects.select_related("campaign", "pool__market", "pool__event", "pool__campaign")


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
        responses={201: DraftSerializer, 202: OneUploadSerializer},
        tags=["codes"],
    )
    def post(self, request: Request) -> Response:
        """Send a file of codes. A worker reads it at once: watch the upload until its status is ``finished``.

        With ``draft`` nothing is read yet: the answer shows the first rows, and the upload waits a day to be started.
        """
        asked = NewUploadSerializer(data=request.data, context={"view": self})
        asked.is_valid(raise_exception=True)
        file, now = asked.validated_data["file"], timezone.now()
        sent = {
            "campaign": asked.validated_data["campaign"],
            "file": file,
            "file_name": file.name,
            "size": file.size,
            "kind": Upload.Kind(asked.validated_data["kind"]),
            "actor": self.viewer,
            "now": now,
        }
        if asked.validated_data["draft"]:
            upload = draft_upload(**sent, reading=asked.reading(now=now))
            return Response(DraftSerializer(upload).data, status=status.HTTP_201_CREATED)
        upload = start_upload(**sent, reading=asked.reading(now=now))
        return Response(OneUploadSerializer(upload).data, status=status.HTTP_202_ACCEPTED)


class OneUpload(StaffEndpoint, generics.RetrieveAPIView[Upload]):
    """One upload: its progress, what it added, and the lines that it refused."""

    queryset = _uploads()
    serializer_class = OneUploadSerializer

    def get_queryset(self) -> QuerySet[Upload]:
        """Those of campaigns that the viewer may view."""
        return self.visible(super().get_queryset())


class UploadEndpoint(StaffEndpoint):
    """What is done with one upload."""

    read_action = required_action = Action.MANAGE_CODES

    def upload(self, pk: str) -> Upload:
        """The upload that the address names, for whoever may handle its campaign's codes."""
        upload = get_object_or_404(self.visible(_uploads()), pk=pk)
        self.check_object_permissions(self.request, upload)
        return upload

    def show(self, upload: Upload, *, status_code: int = status.HTTP_200_OK) -> Response:
        """The upload as it is now."""
        return Response(OneUploadSerializer(_uploads().get(pk=upload.pk)).data, status=status_code)


class PreviewUpload(UploadEndpoint):
    """What was recognised in an upload's file."""

    @extend_schema(operation_id="codes_uploads_preview", responses=PreviewSerializer, tags=["codes"])
    def get(self, request: Request, pk: str) -> Response:
        """The file's kind, its columns and its first rows. What may be a code is hidden but for its length and end."""
        return Response(preview_data(self.upload(pk)))


class StartUpload(UploadEndpoint):
    """The start of a draft."""

    @extend_schema(
        operation_id="codes_uploads_start",
        request=ReadingSerializer,
        responses={202: OneUploadSerializer},
        tags=["codes"],
    )
    def post(self, request: Request, pk: str) -> Response:
        """Start a draft, with its columns as they were recognised or as you say."""
        upload, now = self.upload(pk), timezone.now()
        asked = ReadingSerializer(data=body_of(request), context={"view": self, "campaign": upload.campaign})
        asked.is_valid(raise_exception=True)
        begin_upload(upload=upload, reading=asked.reading(now=now), actor=self.viewer, now=now)
        return self.show(upload, status_code=status.HTTP_202_ACCEPTED)


class CancelUpload(UploadEndpoint):
    """The end of an upload before it is through."""

    @extend_schema(operation_id="codes_uploads_cancel", request=None, responses=OneUploadSerializer, tags=["codes"])
    def post(self, request: Request, pk: str) -> Response:
        """Stop an upload that waits or runs: none of its codes is stored."""
        return self.show(cancel_upload(upload=self.upload(pk), actor=self.viewer, now=timezone.now()))


class UndoUpload(UploadEndpoint):
    """The way back."""

    is_dangerous = True

    @extend_schema(
        operation_id="codes_uploads_undo", request=UndoSerializer, responses=OneUploadSerializer, tags=["codes"]
    )
    def post(self, request: Request, pk: str) -> Response:
        """Take an upload's codes out of their pools again, while all of them are free."""
        upload = self.upload(pk)
        asked = UndoSerializer(data=body_of(request))
        asked.is_valid(raise_exception=True)
        undo_upload(upload=upload, actor=self.viewer, now=timezone.now(), **asked.validated_data)
        return self.show(upload)


class RefusedLines(UploadEndpoint):
    """The lines that gave no code."""

    @extend_schema(operation_id="codes_uploads_refused", responses=LinkSerializer, tags=["codes"])
    def get(self, request: Request, pk: str) -> Response:
        """A signed address, good for an hour, of a CSV file of all refused lines: their numbers and why."""
        return Response({"url": refused_url(self.upload(pk)), "expires_in": LINK_SECONDS})
