"""REST: the auditors of a campaign and their links."""

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
from core.api import InstantField, NewestFirst
from core.parsing import body_of
from viewers.api import StaffEndpoint
from viewers.permissions import Action, may
from waves.auditors import MOST_LETTERS, link_of, name_auditor, revoke
from waves.models import Auditor


class AuditorSerializer(serializers.ModelSerializer[Auditor]):
    """Somebody outside who may fetch the files of a campaign's draws."""

    campaign = serializers.CharField(source="campaign.domain", read_only=True)
    link = serializers.SerializerMethodField(
        help_text="What is sent to her; empty for whoever may not run waves, and once it works no longer."
    )

    class Meta:
        model = Auditor
        fields = ("id", "campaign", "name", "link", "expires_at", "revoked_at", "last_seen_at", "created_at")
        read_only_fields = fields

    def get_link(self, auditor: Auditor) -> str:
        """The whole address."""
        viewer = self.context["view"].viewer
        works = auditor.revoked_at is None and auditor.expires_at > timezone.now()
        return link_of(auditor) if works and may(viewer, Action.RUN_WAVES, auditor.campaign_id) else ""


class NewAuditorSerializer(serializers.Serializer[Any]):
    """Who is named, and until when her link works."""

    campaign = CampaignField()
    name = serializers.CharField(max_length=MOST_LETTERS)
    expires_at = InstantField(help_text="Within two years.")


class AuditorEndpoint(StaffEndpoint):
    """What staff do about auditors."""

    required_action = Action.RUN_WAVES

    def shown(self, auditor: Auditor, *, status_code: int = status.HTTP_200_OK) -> Response:
        """One auditor."""
        return Response(AuditorSerializer(auditor, context={"view": self}).data, status=status_code)


def _auditors() -> "QuerySet[Auditor]":
    return Auditor.objects.select_related("campaign")


class Auditors(AuditorEndpoint, generics.GenericAPIView[Auditor]):
    """The auditors of a campaign."""

    queryset = Auditor.objects.none()
    serializer_class = AuditorSerializer
    pagination_class = NewestFirst

    @extend_schema(
        operation_id="waves_auditors_list",
        parameters=[CAMPAIGN],
        responses=AuditorSerializer(many=True),
        tags=["waves"],
    )
    def get(self, request: Request) -> Response:
        """A campaign's auditors, the newest first."""
        page = self.paginate_queryset(_auditors().filter(campaign=CampaignQuery.campaign_of(self))) or []
        return self.get_paginated_response(AuditorSerializer(page, many=True, context={"view": self}).data)

    @extend_schema(
        operation_id="waves_auditors_create",
        request=NewAuditorSerializer,
        responses={201: AuditorSerializer},
        tags=["waves"],
    )
    def post(self, request: Request) -> Response:
        """Name an auditor. Whoever has the link of the answer can fetch the files, so send it to her alone."""
        asked = NewAuditorSerializer(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        auditor = name_auditor(actor=self.viewer, now=timezone.now(), **asked.validated_data)
        return self.shown(auditor, status_code=status.HTTP_201_CREATED)


class RevokeAuditor(AuditorEndpoint):
    """Revoking an auditor's link."""

    @extend_schema(operation_id="waves_auditors_revoke", request=None, responses=AuditorSerializer, tags=["waves"])
    def post(self, request: Request, pk: int) -> Response:
        """End her link at once."""
        auditor = get_object_or_404(self.visible(_auditors()), pk=pk)
        self.check_object_permissions(self.request, auditor)
        return self.shown(revoke(auditor=auditor, actor=self.viewer, now=timezone.now()))
