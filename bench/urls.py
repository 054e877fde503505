"""The product's URLs, and the bare minimum under the same server and middleware."""

from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

BYTES = b"x" * 30_000
"""About the size of a landing page."""


class OneInsert(APIView):
    """A bare DRF view that does one INSERT."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        """Store what came."""
        sent: dict[str, Any] = dict(request.data)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO bench_row (email, name, choices) VALUES (%s, %s, %s)",
                [sent["email"], sent["name"], "|".join(sent["choices"])],
            )
        return Response({"status": "stored"}, status=202)


def bare(request: HttpRequest) -> HttpResponse:
    """Bytes of a page's usual size."""
    return HttpResponse(BYTES)


urlpatterns = [
    path("bench/one-insert/", OneInsert.as_view()),
    path("bench/bare/", bare),
    path("", include("monoql.urls")),
]
