"""wandb logger that needs no account: offline unless the user is logged in."""

import netrc
import os
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from pytorch_lightning.loggers import WandbLogger

from vaescope.files import write_text


def wandb_logger(
    folder: str,
    project: str = "vaescope",
    name: str | None = None,
    group: str | None = None,
    tags: list[str] | None = None,
) -> WandbLogger:
    """Lightning's wandb logger: offline unless the user is logged in or has set ``WANDB_MODE``.

    Args:
        folder: the run's folder; it keeps the wandb run's id, so that a resumed run goes on.
        project: wandb project.
        name: shown name; None: the folder's.
        group: wandb group; None: the folder above, so that a sweep's jobs stand together.
        tags: wandb tags.

    Returns:
        The logger; it starts its run at the first use.
    """
    path = Path(folder).resolve()
    path.mkdir(parents=True, exist_ok=True)
    kept_id = path / "wandb-id.txt"
    if not kept_id.is_file():
        write_text(kept_id, uuid.uuid4().hex[:12])
    offline = "WANDB_MODE" not in os.environ and not logged_in()
    more: dict[str, Any] = {"resume": "allow"}
    if offline:  # not WandbLogger's own ``offline``: that sets WANDB_MODE for all later jobs
        more |= {"mode": "offline", "settings": {"quiet": True, "console": "off"}}
    return WandbLogger(
        name=name or f"{path.parent.name}-{path.name}",
        save_dir=str(path),
        id=kept_id.read_text(encoding="utf-8"),
        project=project,
        group=group or path.parent.name,
        tags=tags,
        **more,
    )


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
