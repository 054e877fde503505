"""URLs of the development issuer. ``monoql.urls`` includes them on a development machine alone."""

from django.urls import path

from monoql import dev_issuer, dev_sign_in

urlpatterns = [
    path("", dev_issuer.page, name="dev-issuer"),
    path("authorize/", dev_sign_in.authorize, name="dev-issuer-authorize"),
    path("exchange/", dev_sign_in.exchange, name="dev-issuer-exchange"),
    path("token/", dev_issuer.token, name="dev-issuer-token"),
    path("jwks.json", dev_issuer.jwks, name="dev-issuer-keys"),
]
