"""The addresses of one campaign: at the root of its own host, and under ``/c/<domain>/``."""

from django.urls import path, re_path

from monoql import fan_account, fan_calendar, fan_colours, fan_draws, fan_own_entry, fan_pages, fan_phone

DATE_KEY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}b?"

urlpatterns = [
    path("", fan_pages.landing),
    path("opening.ics", fan_calendar.opening),
    fan_colours.route,
    path("sign-in/", fan_account.sign_in),
    path("signed-in/", fan_account.signed_in),
    path("register/", fan_account.register),
    path("check-mail/", fan_pages.check_mail),
    path("confirm/<str:token>/", fan_pages.confirm),
    path("entry/", fan_own_entry.my_entry),
    path("entry/change/", fan_own_entry.change_entry),
    path("entry/receipt.json", fan_own_entry.receipt),
    re_path(rf"^entry/draws/(?P<date_key>{DATE_KEY})\.json$", fan_own_entry.draw_receipt),
    path("draws/", fan_draws.draws),
    path("draws/verify_draw.py", fan_draws.verifier),
    re_path(rf"^draws/(?P<date_key>{DATE_KEY})/$", fan_draws.one_draw),
    re_path(rf"^draws/(?P<date_key>{DATE_KEY})/(?P<name>[a-z]+\.[a-z]+)$", fan_draws.draw_file),
    path("draws/audit/<str:token>/", fan_draws.audit),
    re_path(rf"^draws/audit/(?P<token>[^/]+)/(?P<date_key>{DATE_KEY})/(?P<name>[a-z]+\.[a-z]+)$", fan_draws.audit_file),
    path("entry/link/", fan_pages.send_link),
    path("entry/phone/", fan_phone.send_code),
    path("entry/phone/confirm/", fan_phone.confirm),
    path("entry/withdraw/", fan_own_entry.withdraw_entry),
    path("entry/sign-out/", fan_pages.sign_out),
]
