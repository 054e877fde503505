"""The URLs of a development machine, whatever the settings said when the project's own were loaded."""

from django.urls import include, path

from monoql.urls import urlpatterns as everywhere

urlpatterns = [*everywhere, path("dev/issuer/", include("monoql.dev_urls"))]
