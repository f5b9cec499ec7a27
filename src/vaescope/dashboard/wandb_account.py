"""wandb: the x axis of charts, and whether the user has an account at hand."""

import netrc
import os
from pathlib import Path
from urllib.parse import urlparse

STEP = "trainer/global_step"  # updates so far: the x axis of every chart


def logged_in() -> bool:
    """Whether a wandb key is at hand, in the environment or in the user's netrc file."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import wandb  # slow, and not for runs without it

    url = os.environ.get("WANDB_BASE_URL", wandb.Settings().base_url)
    host = urlparse(url).hostname or ""
    places = [os.environ.get("NETRC"), "~/.netrc", "~/_netrc"]
    for path in (Path(place).expanduser() for place in places if place):
        try:
            return netrc.netrc(path).authenticators(host) is not None
        except (OSError, netrc.NetrcParseError):
            continue
    return False
