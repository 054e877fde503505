"""Taking the demo away again: its campaigns with all that hangs on them. Audit events stay, as always."""

from itertools import batched

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql

from campaigns.models import Campaign
from core import storage
from monoql.demo import plan

# Each table with the column that leads to the campaigns, and the table in between where there is one. In this
# order nothing that is left refers to what is gone.
_ROWS = (
    ("entries_message", "entry_id", "entries_entry"),
    ("entries_submission", "entry_id", "entries_entry"),
    ("entries_score", "run_id", "entries_scorerun"),
    ("entries_scorerun", "campaign_id", ""),
    ("waves_notification", "wave_id", "waves_wave"),
    ("waves_selection", "wave_id", "waves_wave"),
    ("waves_marketoutcome", "draw_id", "waves_draw"),
    ("waves_draw", "campaign_id", ""),
    ("waves_waveprep", "wave_id", "waves_wave"),
    ("exports_export", "campaign_id", ""),
    ("waves_wave", "campaign_id", ""),
    ("codes_assignment", "hold_id", "codes_hold"),
    ("codes_formerassignment", "hold_id", "codes_hold"),
    ("codes_redemption", "code_id", "codes_code"),
    ("codes_coderange", "pool_id", "codes_pool"),
    ("codes_code", "campaign_id", ""),
    ("codes_upload", "campaign_id", ""),
    ("codes_pool", "campaign_id", ""),
    ("codes_hold", "campaign_id", ""),
    ("entries_gateanswer", "entry_id", "entries_entry"),
    ("entries_entry", "campaign_id", ""),
    ("viewers_approval", "campaign_id", ""),
    ("viewers_grant", "campaign_id", ""),
    ("viewers_machinetoken_campaigns", "campaign_id", ""),
    ("campaigns_content", "campaign_id", ""),
    ("campaigns_image", "campaign_id", ""),
    ("campaigns_faq", "campaign_id", ""),
    ("campaigns_gate", "campaign_id", ""),
    ("campaigns_field", "campaign_id", ""),
    ("campaigns_event", "campaign_id", ""),
    ("campaigns_market", "campaign_id", ""),
    ("campaigns_drawsecrets", "campaign_id", ""),
    ("campaigns_campaign_locales", "campaign_id", ""),
    ("campaigns_campaign_trackers", "campaign_id", ""),
    ("campaigns_campaign", "id", ""),
)
_DIRECTLY = sql.SQL("DELETE FROM {table} WHERE {column} = ANY (%s)")
_THROUGH = sql.SQL("DELETE FROM {table} WHERE {column} IN (SELECT id FROM {parent} WHERE campaign_id = ANY (%s))")


def reset_demo() -> int:
    """Delete the demo's campaigns and give how many there were. The catalogue and the staff stay."""
    with transaction.atomic():
        campaigns = list(
            Campaign.objects.filter(domain__in=plan.domains()).order_by("pk").values_list("pk", "public_id")
        )
        ids = [pk for pk, _ in campaigns]
        with connection.cursor() as cursor:
            cursor.execute("SELECT storage_key, refused_key FROM codes_upload WHERE campaign_id = ANY (%s)", [ids])
            keys = [key for row in cursor.fetchall() for key in row if key]
            for table, column, parent in _ROWS:
                names = {"table": table, "column": column, "parent": parent or table}
                statement = (_THROUGH if parent else _DIRECTLY).format(
                    **{part: sql.Identifier(name) for part, name in names.items()}
                )
                cursor.execute(statement, [ids])
    keys += [key for _, public_id in campaigns for key in _keys_below(f"draws/{public_id}/")]
    for some in batched(keys, 1000):
        storage.client().delete_objects(
            Bucket=settings.AWS_STORAGE_BUCKET_NAME, Delete={"Objects": [{"Key": key} for key in some]}
        )
    return len(campaigns)


def _keys_below(prefix: str) -> list[str]:
    pages = storage.client().get_paginator("list_objects_v2")
    found = pages.paginate(Bucket=settings.AWS_STORAGE_BUCKET_NAME, Prefix=prefix)
    return [item["Key"] for page in found for item in page.get("Contents", [])]
