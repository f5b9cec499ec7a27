"""Hub: upload an exported folder to an account of huggingface.co, if one is logged in."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from vaescope.errors import ConfigError
from vaescope.export.formats import INSTALL


def require_login(name: str) -> None:
    """Refuse to push without package or account, before anything is written.

    Raises:
        ConfigError: with what to do.
    """
    if find_spec("huggingface_hub") is None:
        raise ConfigError(f"push_to_hub={name} needs huggingface_hub: {INSTALL}")
    from huggingface_hub import get_token

    if get_token() is None:
        raise ConfigError(
            f"push_to_hub={name}: you are not logged in; run `hf auth login`, or leave push_to_hub "
            "out: the folder can be uploaded later"
        )


def push_folder(folder: Path, name: str, files: Sequence[str], private: bool) -> str:
    """Upload files of a folder to the repository ``name`` of the account; its address.

    Raises:
        ConfigError: the hub refuses it; the folder stays as it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        api = HfApi()
        made = api.create_repo(name, private=private, exist_ok=True)
        api.upload_folder(repo_id=made.repo_id, folder_path=folder, allow_patterns=list(files))
    except (HfHubHTTPError, ValueError, OSError) as error:
        told = str(error).strip().partition("\n")[0]
        raise ConfigError(f"push_to_hub={name}: {told}; {folder} is whole") from error
    return str(made)
