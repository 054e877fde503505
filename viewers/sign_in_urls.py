"""Addresses of the sign-in, below ``/staff/``: those pages of allauth that are used, and no others."""

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from allauth.socialaccount import views as social
from allauth.socialaccount.providers.openid_connect import views as openid
from django.urls import URLPattern, path, reverse_lazy
from django.views.generic import RedirectView

from viewers import sign_in_pages
from viewers.sign_in_pages import View, sign_in_page

sign_out = sign_in_page(account.logout)
to_your_sign_in = RedirectView.as_view(url=reverse_lazy("mfa_index"))


def proven(view: View) -> View:
    """A page that changes how one signs in."""
    return sign_in_page(view, asks_proof=True)


urlpatterns: list[URLPattern] = [
    # allauth itself goes by these names.
    path("", sign_in_page(sign_in_pages.YourSignIn.as_view()), name="mfa_index"),
    path("login/", sign_in_page(sign_in_pages.SignIn.as_view()), name="account_login"),
    path("login/second-factor/", sign_in_page(factors.authenticate), name="mfa_authenticate"),
    path("login/passkey/", sign_in_page(passkeys.login_webauthn), name="mfa_login_webauthn"),
    path("logout/", sign_out, name="account_logout"),
    path("inactive/", sign_in_page(account.account_inactive), name="account_inactive"),
    path("proof/", sign_in_page(account.reauthenticate), name="account_reauthenticate"),
    path("proof/code/", sign_in_page(factors.reauthenticate), name="mfa_reauthenticate"),
    path(
        "proof/passkey/",
        sign_in_page(sign_in_pages.ReauthenticateByPasskey.as_view()),
        name="mfa_reauthenticate_webauthn",
    ),
    path("password/", sign_in_page(sign_in_pages.change_password), name="account_change_password"),
    path("sessions/end/", sign_in_page(sign_in_pages.end_sessions), name="staff-end-sessions"),
    path("app/add/", proven(totp.activate_totp), name="mfa_activate_totp"),
    path("app/remove/", proven(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("recovery-codes/", proven(recovery.view_recovery_codes), name="mfa_view_recovery_codes"),
    path("recovery-codes/make/", proven(recovery.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("passkeys/", to_your_sign_in, name="mfa_list_webauthn"),
    path("passkeys/add/", proven(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("passkeys/<int:pk>/name/", proven(passkeys.edit_webauthn), name="mfa_edit_webauthn"),
    path("passkeys/<int:pk>/remove/", proven(passkeys.remove_webauthn), name="mfa_remove_webauthn"),
    path("company/cancelled/", sign_in_page(social.login_cancelled), name="socialaccount_login_cancelled"),
    path("company/<slug:provider_id>/", sign_in_page(openid.login), name="openid_connect_login"),
    path("company/<slug:provider_id>/back/", sign_in_page(openid.callback), name="openid_connect_callback"),
]
