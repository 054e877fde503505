"""The addresses of one campaign: at the root of its own host, and under ``/c/<domain>/``."""

from django.urls import path, re_path

from monoql import fan_pages

DATE_KEY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}b?"

urlpatterns = [
    path("", fan_pages.landing),
    path("check-mail/", fan_pages.check_mail),
    path("confirm/<str:token>/", fan_pages.confirm),
    path("entry/", fan_pages.my_entry),
    path("entry/change/", fan_pages.change_entry),
    path("entry/receipt.json", fan_pages.receipt),
    re_path(rf"^entry/draws/(?P<date_key>{DATE_KEY})\.json$", fan_pages.draw_receipt),
    path("entry/sign-out/", fan_pages.sign_out),
]
