"""URLs of the installation's own host."""

from django.contrib import admin
from django.urls import include, path

from monoql import mail_viewer
from monoql.start_page import start_page

urlpatterns = [
    path("", start_page, name="start"),
    path("admin/", admin.site.urls),
    path("api/", include("monoql.api_urls")),
    path("c/<slug:domain>/", include("monoql.fan_urls")),
    path("mail/", mail_viewer.mail_list, name="mail-list"),
    path("mail/<str:name>/", mail_viewer.mail_letter, name="mail-letter"),
]
