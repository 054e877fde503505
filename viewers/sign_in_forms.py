"""The forms of the sign-in, in the admin's words."""

from typing import Any

from allauth.account.forms import LoginForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm
from django import forms


class SignInForm(LoginForm):  # type: ignore[misc]  # The library has no types.
    """Name and password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name = self.fields["login"]
        name.label = "Username or e-mail"
        name.widget.attrs.update(autocomplete="username webauthn", autocapitalize="none", spellcheck="false")
        for field in self.fields.values():
            field.help_text = ""
            field.widget.attrs.pop("placeholder", None)
        if not self.is_bound:
            name.widget.attrs["autofocus"] = True


class PasskeyForm(AddWebAuthnForm):  # type: ignore[misc]  # As above.
    """A passkey's name, and whether it opens the account alone."""

    passwordless = forms.BooleanField(
        label="Sign in with it alone",
        required=False,
        initial=True,
        help_text="Instead of the password; the device then asks for a finger, a face or its PIN. Without this it is "
        "a second factor after the password.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "Name"
        self.fields["name"].help_text = "To tell it from others later, as in “Sue's phone”."
