"""REST: signing in with a token from outside, signing out, and who is asking."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.status import HTTP_401_UNAUTHORIZED

from core.api import Endpoint
from core.throttling import FanThrottle
from viewers import outside
from viewers.api import StaffEndpoint
from viewers.api_sessions import LIFETIME, NoSession, body_token, cookie_token, end_session
from viewers.authentication import CHALLENGE, COOKIE, COOKIE_PATH, CsrfFailed, bearer_of, session_of
from viewers.issuers import KINDS
from viewers.outside_tokens import MOST_BYTES
from viewers.rights_map import rights_anywhere, rights_map, rights_without_campaign
from viewers.viewer import Viewer, viewer_of_request

NO_SECURITY: Any = [{}]
SIGNED_IN: Any = [{"token": []}, {"cookie": []}]
VIEWER_KINDS = ("staff", "machine", "fan")
SPARE_BYTES = 1024
"""Room for the rest of the body around a token."""


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # Its metaclass has no types.
    """Describes the admin's session in the OpenAPI document."""

    target_class = "viewers.authentication.StaffSession"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The session's cookie."""
        description = "The admin's session. Methods that change something also need the header X-CSRFToken."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": description}


class CookieScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # As above.
    """Describes the cookie of a sign-in from outside in the OpenAPI document."""

    target_class = "viewers.authentication.TokenCookie"
    name = "cookie"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """The cookie of POST /api/v1/auth/."""
        description = "Set by POST /api/v1/auth/. Methods that change something also need the header X-CSRFToken."
        return {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": description}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # As above.
    """Describes bearer tokens in the OpenAPI document."""

    target_class = "viewers.authentication.BearerToken"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        """Machine tokens and those of a sign-in from outside."""
        description = "A machine token (mql_…), or the token that POST /api/v1/auth/ gave."
        return {"type": "http", "scheme": "bearer", "description": description}


class ViewerSerializer(serializers.Serializer[Mapping[str, Any]]):
    """Who is asking."""

    kind = serializers.ChoiceField(choices=VIEWER_KINDS)
    name = serializers.CharField(help_text="The account's or the token's name; empty for a fan.")
    acts_for = serializers.CharField(help_text="The account that a machine acts for; else empty.")
    subject = serializers.CharField(help_text="The globalUserId of a fan who signed in; else empty.")
    is_supreme = serializers.BooleanField(help_text="A supreme admin herself; a machine never is.")
    may = serializers.ListField(
        child=serializers.CharField(), help_text="What the viewer may do somewhere, to inform clients."
    )
    without_campaign = serializers.ListField(
        child=serializers.CharField(), help_text="What she may do that belongs to no campaign."
    )
    permissions = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        help_text="What she may do by the campaign's domain; `*` is every campaign.",
    )


class WhoAmISerializer(ViewerSerializer):
    """Who is asking, and what a cookie's requests need."""

    csrf_token = serializers.CharField(help_text="For the header X-CSRFToken of requests that a cookie vouches for.")


class OutsideTokenSerializer(serializers.Serializer[Mapping[str, Any]]):
    """A token of a configured issuer."""

    token = serializers.CharField(max_length=MOST_BYTES, help_text="The token itself.")
    kind = serializers.ChoiceField(choices=KINDS, help_text="Which of the issuer's tokens it is.")


class SignedInSerializer(serializers.Serializer[Mapping[str, Any]]):
    """Our own token, and whom it names."""

    token = serializers.CharField(help_text="For the header `Authorization: Bearer …`.")
    expires_at = serializers.DateTimeField()
    expires_in = serializers.IntegerField(help_text="Seconds.")
    viewer = ViewerSerializer()


class SignedOutSerializer(serializers.Serializer[Mapping[str, Any]]):
    """The session is over."""

    status = serializers.ChoiceField(choices=["signed_out"])


class SignIn(Endpoint):
    """Exchanges a token from outside for our own."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = [FanThrottle]
    most_bytes = MOST_BYTES + SPARE_BYTES

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Name the scheme beside every refusal that asks for a better token."""
        response = super().finalize_response(request, response, *args, **kwargs)
        if response.status_code == HTTP_401_UNAUTHORIZED:
            response.headers["WWW-Authenticate"] = CHALLENGE
        return response

    @extend_schema(
        operation_id="auth_sign_in",
        request=OutsideTokenSerializer,
        responses=SignedInSerializer,
        auth=NO_SECURITY,
        tags=["viewer"],
    )
    def post(self, request: Request) -> Response:
        """Sign in with an access or id token of a configured issuer. The answer's token is good for 15 minutes."""
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise CsrfFailed("Another site sent this request.")
        sent = OutsideTokenSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        signed_in = outside.sign_in(**sent.validated_data, now=timezone.now())
        answer = {
            "token": body_token(signed_in.session, signed_in.viewer),
            "expires_at": signed_in.session.expires_at,
            "expires_in": int(LIFETIME.total_seconds()),
            "viewer": described(signed_in.viewer),
        }
        response = Response(SignedInSerializer(answer).data)
        response.set_cookie(
            COOKIE,
            cookie_token(signed_in.session),
            max_age=int(LIFETIME.total_seconds()),
            path=COOKIE_PATH,
            secure=settings.IS_HTTPS,
            httponly=True,
            samesite="Lax",
        )
        return response


class SignOut(Endpoint):
    """Ends a sign-in from outside."""

    permission_classes = []

    def asker_of_key(self, request: Request) -> str:
        """The session that ends, by its token or by its cookie."""
        session = session_of(request)
        return f"session {session.pk}" if session is not None else super().asker_of_key(request)

    @extend_schema(
        operation_id="auth_sign_out", request=None, responses=SignedOutSerializer, auth=SIGNED_IN, tags=["viewer"]
    )
    def post(self, request: Request) -> Response:
        """Sign out: the token and the cookie of this session open nothing from here on."""
        viewer = viewer_of_request(request)
        session = session_of(request)
        if session is None and not request.successful_authenticator:
            raise NotAuthenticated
        if session is None:
            raise NoSession("There is no sign-in to end here: send its token or its cookie.")
        end_session(session=session, actor=viewer, now=timezone.now())
        response = Response({"status": "signed_out"})
        response.delete_cookie(COOKIE, path=COOKIE_PATH, samesite="Lax")
        return response


class WhoIsAsking(StaffEndpoint):
    """Tells a client whom the API takes it for, and gives a cookie's requests their CSRF token."""

    permission_classes = []

    @extend_schema(operation_id="viewer_retrieve", responses=WhoAmISerializer, tags=["viewer"])
    def get(self, request: Request) -> Response:
        """Who am I, and what may I do?"""
        needs_csrf = not bearer_of(request)
        found = {**described(self.viewer), "csrf_token": get_token(request) if needs_csrf else ""}
        return Response(WhoAmISerializer(found).data)


def described(viewer: Viewer) -> dict[str, Any]:
    """The values of ``ViewerSerializer``."""
    acts_for = viewer.staff.get_username() if viewer.kind == "machine" and viewer.staff is not None else ""
    return {
        "kind": viewer.kind,
        "name": viewer.label,
        "acts_for": acts_for,
        "subject": viewer.subject,
        "is_supreme": viewer.is_supreme,
        "may": rights_anywhere(viewer),
        "without_campaign": rights_without_campaign(viewer),
        "permissions": rights_map(viewer),
    }
