"""Messages about scores that are left out, each logged once."""

import logging

log = logging.getLogger(__name__)


class LogOnce:
    """Logs each message once, so that a score that no evaluation can have is told at the first."""

    def __init__(self) -> None:
        self.messages: list[str] = []  # what was told so far, in its order
        self.aloud = True  # whether messages are logged; False: only kept, to be shown elsewhere

    def __call__(self, message: str) -> None:
        """Log the message as a warning unless it was told before."""
        if message not in self.messages:
            self.messages.append(message)
            if self.aloud:
                log.warning(message)
