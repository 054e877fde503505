"""Who is asking: the thin object that a request or a task carries."""

from dataclasses import dataclass

from django.http import HttpRequest

from viewers.models import Staff


@dataclass(frozen=True)
class Viewer:
    """A member of staff, a fan, the clock or a worker. ``staff`` is set for staff only."""

    kind: str
    id: str = ""
    label: str = ""
    staff: Staff | None = None


CLOCK = Viewer(kind="clock", label="the clock")
WORKER = Viewer(kind="worker", label="a worker")
ANONYMOUS = Viewer(kind="fan")


def viewer_of_staff(staff: Staff) -> Viewer:
    """Give the viewer who acts for this account."""
    return Viewer(kind="staff", id=str(staff.pk), label=staff.get_username(), staff=staff)


def viewer_of_request(request: HttpRequest) -> Viewer:
    """Give the viewer who sent a request: staff if signed in, else an anonymous fan."""
    user = request.user
    if isinstance(user, Staff) and user.is_active and user.is_staff:
        return viewer_of_staff(user)
    return ANONYMOUS
