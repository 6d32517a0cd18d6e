"""A model folder -> a repository of the Hugging Face Hub, which `vae_onnx.load` takes."""

from pathlib import Path

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

import vae_onnx
from export import writing
from export.errors import ConfigError, HubError, ModelError, UserError
from export.hub.model_card import OURS, page
from export.training import card
from vae_onnx.errors import VaeOnnxError
from vae_onnx.store import hub, model_files


def push(
    folder: Path,
    repository: str,
    private: bool = False,
    revision: str | None = None,
    message: str | None = None,
    dry_run: bool = False,
) -> None:
    """Upload a model folder with a model card, in one commit, once it has been checked.

    Files of an earlier model that this one does not have are removed from the repository. A
    `README.md` in the folder that this command has not written is uploaded in place of the card.

    Args:
        folder: The model folder, as `python -m export onnx` writes it.
        repository: "owner/repo"; made if there is none.
        private: Nobody else may see it.
        revision: Branch, made if there is none; None is the default branch.
        message: Of the commit.
        dry_run: Only write the card into the folder and list the files; nothing is sent.

    Raises:
        ConfigError: `repository` is no name of a repository.
        ModelError: The folder holds no complete model, or a file is not the one that the card of
            the model lists.
        HubError: Nobody is logged in, or the Hub refuses or cannot be reached, or the repository is
            public already and should be private.
        OSError: The card cannot be written.
    """
    _check(repository, revision)
    readme = page(folder, _reference(repository, revision))
    names = model_files.present(folder)
    for name in names:
        print(f"{name:<20} {(folder / name).stat().st_size:>10,} bytes")
    print(f"{card.CARD:<20} {len(readme.encode()):>10,} bytes")
    if dry_run:
        if OURS in readme:
            writing.write_text(folder / card.CARD, readme)
        print(f"nothing was sent; read {folder / card.CARD}")
        return
    if get_token() is None:
        raise HubError(
            "nobody is logged in to the Hugging Face Hub: `hf auth login`, or set HF_TOKEN, with a "
            "token that may write, from https://huggingface.co/settings/tokens"
        )
    added = {name: folder / name for name in names} | {card.CARD: readme.encode()}
    try:
        url = _upload(repository, added, private, revision, message or f"Upload {folder.name}")
    except UserError:
        raise
    except Exception as error:  # of huggingface_hub, or of its HTTP client
        raise _told(error, repository) from error
    print(f'{url}\nvae_onnx.load("{_reference(repository, revision)}")')


def _upload(
    repository: str, added: dict[str, Path | bytes], private: bool, branch: str | None, message: str
) -> str:
    """Make the repository and the branch where they are missing, commit, return the URL."""
    api = HfApi(library_name="vae-onnx", library_version=vae_onnx.__version__)
    api.create_repo(repository, private=private or None, exist_ok=True)
    if branch is not None:
        api.create_branch(repository, branch=branch, exist_ok=True)
    info = api.model_info(repository, revision=branch)
    if private and not info.private:
        raise HubError(
            f"{repository} is there and public: make it private in its settings first, or leave "
            "out --private; nothing was sent"
        )
    there = {file.rfilename for file in info.siblings or ()}
    gone = [name for name in model_files.NAMES if name in there and name not in added]
    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        *(CommitOperationAdd(name, content) for name, content in added.items()),
        *(CommitOperationDelete(name) for name in gone),
    ]
    commit = api.create_commit(repository, operations, commit_message=message, revision=branch)
    return commit.commit_url


def _told(error: Exception, repository: str) -> UserError:
    """Say in errors of this package what came out of huggingface_hub."""
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status in (401, 403):
        return HubError(
            f"the Hub does not let this token write to {repository} (status {status}): check the "
            "owner, and that the token may write, on https://huggingface.co/settings/tokens"
        )
    if isinstance(error, HFValidationError):
        return ConfigError(f"{repository!r} names no repository: {hub.reason(error)}")
    if status is None and isinstance(error, ValueError):  # of a card of one's own
        return ModelError(" ".join(str(error).split()))
    return HubError(
        f"{repository} was not uploaded: {hub.reason(error)}; check the connection and try again"
    )


def _check(repository: str, revision: str | None) -> None:
    try:
        if hub.parse(_reference(repository, revision)) == (repository, revision, ""):
            return
    except VaeOnnxError:
        pass
    raise ConfigError(
        "the repository must be OWNER/REPO, such as me/mnist-vae, and the revision a branch, got "
        f"{repository!r}" + ("" if revision is None else f" and {revision!r}")
    )


def _reference(repository: str, revision: str | None) -> str:
    at = "" if revision is None else "@" + revision.replace("/", "%2F")
    return f"hf://{repository}{at}"
