"""URLs of the installation's own host."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import include, path, reverse_lazy
from django.views.generic import RedirectView

from monoql import fan_account, fan_colours, fan_preview, mail_viewer, sms_viewer
from monoql.start_page import start_page
from viewers.sign_in_urls import sign_out

admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # As allauth documents it.

urlpatterns = [
    # First what a million fans ask: the others are tried in their order.
    path("api/", include("monoql.api_urls")),
    path("c/<slug:domain>/", include("monoql.fan_urls")),
    path("", start_page, name="start"),
    path("staff/", include("viewers.sign_in_urls")),
    # The admin's own two pages about an account give way to those above.
    path("admin/logout/", sign_out),
    path("admin/password_change/", RedirectView.as_view(url=reverse_lazy("account_change_password"))),
    path("admin/", admin.site.urls),
    fan_colours.route,
    path("signed-in/", fan_account.back, name="signed-in"),
    path("preview/<str:token>/", fan_preview.preview, name="preview"),
    path("mail/", mail_viewer.mail_list, name="mail-list"),
    path("mail/<str:name>/", mail_viewer.mail_letter, name="mail-letter"),
    path("sms/", sms_viewer.sms_list, name="sms-list"),
]
if settings.DEVELOPMENT:
    urlpatterns += [path("dev/issuer/", include("monoql.dev_urls"))]
