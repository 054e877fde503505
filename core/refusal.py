"""What every refusal has in common, so that each face can show it without knowing the rule."""


class Refusal(Exception):
    """An operation was not done, and nothing was changed. The message tells the person at the screen what to do.

    ``code`` is stable and meant for client programs; ``field`` names the input that it stands beside, if one.
    """

    code = "refused"
    status = 409
    retry_after = 0
    """Seconds after which the same may be tried again; 0 where time changes nothing."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class NotAllowed(Refusal):
    """The actor has no right to do this."""

    code = "not_allowed"
    status = 403


class Invalid(Refusal):
    """The input breaks a rule; ``errors`` maps each field to its messages."""

    code = "invalid"
    status = 400

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(" ".join(message for messages in errors.values() for message in messages))
        self.errors = errors
