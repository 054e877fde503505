"""Staff accounts."""

from django.contrib.auth.models import AbstractUser


class Staff(AbstractUser):
    """A person who works in the admin. ``is_superuser`` is the domain's Supreme Admin."""

    class Meta(AbstractUser.Meta):
        verbose_name = "member of staff"
        verbose_name_plural = "staff"

    @property
    def is_supreme(self) -> bool:
        """Whether she may do everything in every campaign."""
        return self.is_active and self.is_superuser
