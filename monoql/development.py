"""Pages that exist on development machines alone."""

from collections.abc import Callable
from functools import wraps

from django.conf import settings
from django.http import Http404, HttpResponse


def only_in_development[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Have a view answer on a development machine, and be nowhere on any other host."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not settings.DEVELOPMENT:
            raise Http404
        return view(*args, **kwargs)

    return guarded
