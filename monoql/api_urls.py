"""URLs of the REST API, version 1, of its OpenAPI document and of the two pages that show it."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView

from campaigns.api import campaign, catalogue, gates, page_parts, setup
from codes.api import counts as code_counts
from codes.api import generating as code_generating
from codes.api import holds as code_holds
from codes.api import pools as code_pools
from codes.api import redemptions as code_redemptions
from codes.api import single as single_codes
from codes.api import uploads as code_uploads
from core.api import Nowhere
from entries import api as entries
from entries import phone_api
from entries.receipts import signing_key
from exports import api as exports
from monoql.api_document import api_document
from viewers import auth_api as viewers
from waves import api as waves
from waves import auditors_api, calendar_api, codes_api, draws_api, explanation_api, fan_api, sending_api

CODE = r"[A-Za-z0-9._-]{1,40}"
DATE_KEY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}b?"
LOCALE = r"[a-z]{2,3}_[A-Z]{2}"

Urls = list[URLPattern | URLResolver]

one_campaign: Urls = [
    # First what most requests ask: the others are tried in their order.
    path("entries/", entries.Entries.as_view()),
    path("", campaign.OneCampaign.as_view(signing_key=signing_key())),
    path("open/", campaign.OpenCampaign.as_view()),
    path("close/", campaign.CloseCampaign.as_view()),
    path("finish/", campaign.FinishCampaign.as_view()),
    path("markets/", setup.Markets.as_view()),
    re_path(rf"^markets/(?P<code>{CODE})/$", setup.OneMarket.as_view()),
    path("fields/", setup.Fields.as_view()),
    path("fields/<slug:key>/", setup.OneField.as_view()),
    path("gates/", gates.Gates.as_view()),
    path("gates/<int:pk>/", gates.OneGate.as_view()),
    path("images/", page_parts.Images.as_view()),
    path("images/<int:pk>/", page_parts.OneImage.as_view()),
    path("faqs/", page_parts.Faqs.as_view()),
    path("faqs/<int:pk>/", page_parts.OneFaq.as_view()),
    path("contents/", setup.Contents.as_view()),
    re_path(rf"^contents/(?P<locale>{LOCALE})/$", setup.OneContent.as_view()),
    path("entries/confirm/", entries.Confirmation.as_view()),
    path("entries/link/", entries.SendLink.as_view()),
    path("entries/sign-in/", entries.SignIn.as_view()),
    path("entry/", fan_api.OwnEntry.as_view()),
    path("entry/phone/", phone_api.OwnPhone.as_view()),
    path("entry/phone/confirm/", phone_api.OwnPhoneConfirmation.as_view()),
    path("entry/receipt/", entries.OwnReceipt.as_view()),
    path("draws/", draws_api.PublicDraws.as_view()),
    re_path(rf"^draws/(?P<date_key>{DATE_KEY})/$", draws_api.OnePublicDraw.as_view()),
    re_path(rf"^entry/receipts/(?P<date_key>{DATE_KEY})/$", fan_api.OwnWaveReceipt.as_view()),
]

one_wave: Urls = [
    path("", waves.OneWave.as_view()),
    path("put-off/", calendar_api.PutWaveOff.as_view()),
    path("retime/", calendar_api.RetimeWave.as_view()),
    path("readiness/", calendar_api.WaveReadiness.as_view()),
    path("prepare/", waves.PrepareWave.as_view()),
    path("cancel/", calendar_api.CancelPreparation.as_view()),
    path("public-value/", waves.EnterPublicValue.as_view()),
    path("abandon/", waves.AbandonWave.as_view()),
    path("trigger/", waves.TriggerWave.as_view()),
    path("mails/", sending_api.Mails.as_view()),
    path("mails/pause/", sending_api.PauseMails.as_view()),
    path("mails/resume/", sending_api.ResumeMails.as_view()),
    path("mails/stop/", sending_api.StopMails.as_view()),
    path("mails/retry-failed/", sending_api.RetryFailedMails.as_view()),
    path("entries/<str:ref>/", explanation_api.ExplainEntry.as_view()),
]

version_1: Urls = [
    path("campaigns/<slug:domain>/", include(one_campaign)),
    path("auth/", viewers.SignIn.as_view()),
    path("auth/sign-out/", viewers.SignOut.as_view()),
    path("viewer/", viewers.WhoIsAsking.as_view()),
    path("artists/", catalogue.Artists.as_view()),
    path("artists/<int:pk>/", catalogue.OneArtist.as_view()),
    path("venues/", catalogue.Venues.as_view()),
    path("venues/<int:pk>/", catalogue.OneVenue.as_view()),
    path("promoters/", catalogue.Promoters.as_view()),
    path("promoters/<int:pk>/", catalogue.OnePromoter.as_view()),
    path("trackers/", catalogue.Trackers.as_view()),
    path("trackers/<int:pk>/", catalogue.OneTracker.as_view()),
    path("locales/", catalogue.Locales.as_view()),
    re_path(rf"^locales/(?P<locale>{LOCALE})/$", catalogue.OneLocale.as_view()),
    path("campaigns/", campaign.Campaigns.as_view()),
    path("codes/uploads/", code_uploads.Uploads.as_view()),
    path("codes/uploads/<uuid:pk>/", code_uploads.OneUpload.as_view()),
    path("codes/uploads/<uuid:pk>/preview/", code_uploads.PreviewUpload.as_view()),
    path("codes/uploads/<uuid:pk>/start/", code_uploads.StartUpload.as_view()),
    path("codes/uploads/<uuid:pk>/cancel/", code_uploads.CancelUpload.as_view()),
    path("codes/uploads/<uuid:pk>/undo/", code_uploads.UndoUpload.as_view()),
    path("codes/uploads/<uuid:pk>/refused/", code_uploads.RefusedLines.as_view()),
    path("codes/generate/", code_generating.Generate.as_view()),
    path("codes/counts/", code_counts.CodeCounts.as_view()),
    path("codes/pools/", code_pools.Pools.as_view()),
    path("codes/pools/<int:pk>/", code_pools.OnePool.as_view()),
    path("codes/holds/", code_holds.Holds.as_view()),
    path("codes/holds/<int:pk>/", code_holds.OneHold.as_view()),
    path("codes/holds/<int:pk>/extend/", code_holds.ExtendHold.as_view()),
    path("codes/holds/<int:pk>/release/", code_holds.ReleaseHold.as_view()),
    path("codes/revoke/", single_codes.RevokeCode.as_view()),
    path("codes/replace/", single_codes.ReplaceCode.as_view()),
    path("codes/redemptions/", code_redemptions.Redemptions.as_view()),
    path("codes/check/", codes_api.CheckCode.as_view()),
    path("codes/given/", codes_api.GiveCode.as_view()),
    path("codes/given/replace/", codes_api.ReplaceFansCode.as_view()),
    path("codes/given/take-back/", codes_api.TakeFansCodeBack.as_view()),
    path("waves/", waves.Waves.as_view()),
    path("waves/auditors/", auditors_api.Auditors.as_view()),
    path("waves/auditors/<int:pk>/revoke/", auditors_api.RevokeAuditor.as_view()),
    path("waves/<int:pk>/", include(one_wave)),
    path("exports/", exports.Exports.as_view()),
    path("exports/<uuid:pk>/", exports.OneExport.as_view()),
    path("exports/<uuid:pk>/download/", exports.DownloadExport.as_view()),
]

urlpatterns: Urls = [
    path("v1/", include(version_1)),
    path("schema/", api_document, name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema")),
    path("redoc/", SpectacularRedocView.as_view(url_name="schema")),
    re_path(r"^", Nowhere.as_view()),
]
