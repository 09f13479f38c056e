"""The one exception that a person using O2R is meant to read."""


class UserError(Exception):
    """Something a user can put right. The message is one line: what, where, what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
