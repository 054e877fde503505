"""The addresses of one campaign: at the root of its own host, and under ``/c/<domain>/``."""

from django.urls import path

from monoql import fan_pages

urlpatterns = [
    path("", fan_pages.landing),
    path("check-mail/", fan_pages.check_mail),
    path("confirm/<str:token>/", fan_pages.confirm),
    path("entry/", fan_pages.my_entry),
    path("entry/change/", fan_pages.change_entry),
    path("entry/receipt.json", fan_pages.receipt),
    path("entry/sign-out/", fan_pages.sign_out),
]
