"""URLs of the development issuer. ``monoql.urls`` includes them on a development machine alone."""

from django.urls import path

from monoql import dev_issuer

urlpatterns = [
    path("", dev_issuer.page, name="dev-issuer"),
    path("token/", dev_issuer.token, name="dev-issuer-token"),
    path("jwks.json", dev_issuer.jwks, name="dev-issuer-keys"),
]
