"""REST: how a file of codes is to be read, and what was recognised in it."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from campaigns.api.writing import CampaignField
from campaigns.models import Campaign, Event, Market
from codes.files import ROLES, Shape
from codes.models import Pool, Upload
from codes.upload import MOST_BYTES, NotLookedAt, Reading, pool_for

COLUMN = "The header's name of the column with {}, or its number from 1; empty where there is none."
COLUMNS = {
    "code_column": ("code", COLUMN.format("the codes")),
    "type_column": ("type", COLUMN.format("their types")),
    "campaign_column": ("campaign", COLUMN.format("the campaign's domain or id")),
    "market_column": ("market", COLUMN.format("the market's code, city or venue")),
    "event_column": ("event", COLUMN.format("the event's id")),
}


class PlaceSerializer(serializers.Serializer[Any]):
    """A pool, named by market, event and type. The campaign is a field, or stands in the context."""

    market = serializers.CharField(max_length=40, required=False, allow_blank=True, help_text="The market's code.")
    event = serializers.CharField(
        max_length=40, required=False, allow_blank=True, help_text="The event's code, where each has its own pool."
    )
    code_type = serializers.CharField(max_length=40, required=False, default="presale")

    def validate(self, attrs: Any) -> Any:
        """Find market and event in the campaign."""
        campaign: Campaign = attrs.get("campaign") or self.context["campaign"]
        market = event = None
        if code := attrs.get("market"):
            market = Market.objects.filter(campaign=campaign, code=code).first()
            if market is None:
                raise serializers.ValidationError({"market": ["The campaign has no such market."]})
        if code := attrs.get("event"):
            event = Event.objects.select_related("market").filter(campaign=campaign, code=code).first()
            if event is None:
                raise serializers.ValidationError({"event": ["The campaign has no such event."]})
        return {**attrs, "market": market or (event.market if event else None), "event": event}

    def pool(self, *, now: datetime) -> Pool | None:
        """The pool, made if there is none; nothing where no market is named."""
        return self.made_pool(now=now) if self.validated_data["market"] is not None else None

    def made_pool(self, *, now: datetime) -> Pool:
        """The pool, made if there is none; a market is named."""
        values, actor = self.validated_data, self.context["view"].viewer
        return pool_for(
            market=values["market"], event=values["event"], code_type=values["code_type"], actor=actor, now=now
        )


class ReadingSerializer(PlaceSerializer):
    """How a file is to be read. A market, event or type is for lines that name none."""

    is_all_or_nothing = serializers.BooleanField(
        required=False, default=False, help_text="One refused line refuses the whole file."
    )
    has_header = serializers.BooleanField(
        required=False, allow_null=True, default=None, help_text="As recognised, where it is not said."
    )
    sheet = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """The fields, and one for each column."""
        columns = {
            name: serializers.CharField(required=False, allow_blank=True, max_length=200, help_text=text)
            for name, (_, text) in COLUMNS.items()
        }
        return {**super().get_fields(), **columns}

    def reading(self, *, now: datetime) -> Reading:
        """What was asked."""
        values = self.validated_data
        return Reading(
            columns={role: values[name] for name, (role, _) in COLUMNS.items() if name in values},
            has_header=values["has_header"],
            sheet=values["sheet"],
            pool=self.pool(now=now),
            code_type=values["code_type"],
            is_all_or_nothing=values["is_all_or_nothing"],
        )


class NewUploadSerializer(ReadingSerializer):
    """A file of codes, and how it is to be read."""

    campaign = CampaignField()
    kind = serializers.ChoiceField(
        choices=[Upload.Kind.FILE, Upload.Kind.REDEEMED],
        required=False,
        default=Upload.Kind.FILE,
        help_text="`file` brings codes; `redeemed` reports codes that fans have used.",
    )
    draft = serializers.BooleanField(required=False, default=False, help_text="Look at it first; see `preview`.")
    file = serializers.FileField(
        allow_empty_file=True, help_text=f"CSV, TSV, text, XLSX, XLS, or gzip of text; up to {MOST_BYTES >> 20} MiB."
    )


class PreviewSerializer(serializers.Serializer[Any]):
    """What was recognised in a file. Cells that may be codes show their length, their signs and their end."""

    kind = serializers.CharField(help_text="`text`, `xlsx` or `xls`.")
    is_gzip = serializers.BooleanField()
    encoding = serializers.CharField(help_text="Empty for spreadsheets.")
    delimiter = serializers.CharField(help_text="Empty where each line is one code.")
    has_header = serializers.BooleanField()
    sheet = serializers.CharField()
    sheets = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField())
    roles = serializers.DictField(child=serializers.IntegerField(), help_text="Role to column, counted from 1.")
    rows = serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    warnings = serializers.ListField(child=serializers.CharField())


def preview_data(upload: Upload) -> dict[str, Any]:
    """What was recognised in an upload's file.

    :raises NotLookedAt: nobody has looked at it yet.
    """
    if "file" not in upload.shape:
        raise NotLookedAt("Nobody has looked at this file yet: wait until a worker does.")
    shape, preview = Shape.from_json(upload.shape["file"]), upload.shape["preview"]
    return {
        "kind": shape.kind,
        "is_gzip": shape.is_gzip,
        "encoding": shape.encoding,
        "delimiter": shape.delimiter,
        "has_header": shape.has_header,
        "sheet": shape.sheet,
        "sheets": preview["sheets"],
        "columns": list(shape.columns),
        "roles": {role: shape.roles[role] + 1 for role in ROLES if role in shape.roles},
        "rows": preview["rows"],
        "warnings": preview["warnings"],
    }
