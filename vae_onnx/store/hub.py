"""Models of the Hugging Face Hub: downloaded once, checked against their card each time."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote

import vae_onnx
from vae_onnx.errors import (
    FileAccessError,
    FileMissingError,
    InputError,
    InputTypeError,
    PackageMissingError,
    VaeOnnxError,
)
from vae_onnx.store import model_files, network

NAME: Final = r"\w[\w.-]*"
# A slash in a revision is written "%2F", but in refs/pr/1 and the like, as the Hub has it.
PATTERN: Final = re.compile(
    rf"hf://(?P<repository>{NAME}/{NAME})(?:@(?P<revision>refs/{NAME}/{NAME}|[\w.%-]+))?"
    rf"(?:/(?P<folder>{NAME}(?:/{NAME})*))?/?",
    re.ASCII,
)
REVISION: Final = re.compile(rf"{NAME}(?:/{NAME})*", re.ASCII)
KINDS: Final = ("models", "datasets", "spaces", "kernels", "buckets")  # are no owners there
LOGIN: Final = "`hf auth login`, or set HF_TOKEN, with a token that may read it"


class Reference(NamedTuple):
    """A place on the Hub."""

    repository: str  # "owner/repo"
    revision: str | None  # branch, tag or commit; None is the default branch
    folder: str  # within the repository; "" is its top

    def path(self, name: str) -> str:
        """Return where a file of the model is, within the repository."""
        return f"{self.folder}/{name}" if self.folder else name


def fetch(reference: str, *, offline: bool = False) -> Path:
    """Return a local folder with the files of a model: `encoder.onnx`, `decoder.onnx`, `card.json`.

    Those, the variants that the card lists, `latents.npz`, `history.jsonl` and `strip.png` are all
    that is downloaded, into the cache of huggingface_hub (`HF_HUB_CACHE`, else
    ~/.cache/huggingface/hub).
    What is there already is used again, also while the Hub cannot be reached. Private repositories
    need a token: `hf auth login` or `HF_TOKEN`.

    Args:
        reference: "hf://owner/repo", "hf://owner/repo@revision" with a branch, tag or commit ("/"
            in its name is written "%2F"), or either with "/folder" where a repository has several.
        offline: Send nothing over the network, as with `HF_HUB_OFFLINE=1`.

    Raises:
        InputTypeError: The reference is no string.
        InputError: It is not of this form.
        PackageMissingError: huggingface_hub is not installed, or broken.
        FileMissingError: There is no such repository, revision or folder, or no model in it; or
            `offline`, and the model is not in the cache.
        FileAccessError: The Hub cannot be reached, or does not let this user in; or the cache
            cannot be written.
        FileError: A graph is not the one that the card lists, or the card lists none.
    """
    place = parse(reference)
    try:
        from huggingface_hub import constants
    except ImportError as error:
        raise _lacking(reference, error) from error
    offline = offline or constants.HF_HUB_OFFLINE
    cached = Path(constants.HF_HUB_CACHE, "models--" + place.repository.replace("/", "--"))
    remedy = (
        f"if it was damaged on this machine, delete {cached} and load it again, else tell the "
        f"owner of {place.repository}"
    )
    try:
        folder = _obtain(place, offline, remedy)
    except VaeOnnxError:
        raise
    except Exception as error:  # of huggingface_hub, of its HTTP client, or of the system
        if isinstance(error, ImportError) and network.setting(error) is None:  # too old, or broken
            raise _lacking(reference, error) from error
        raise _told(error, reference, place, offline) from error
    model_files.verify(folder, remedy)
    return folder


def parse(reference: str) -> Reference:
    """Read "hf://owner/repo[@revision][/folder]".

    Raises:
        InputTypeError: The reference is no string.
        InputError: It is not of this form.
    """
    if not isinstance(reference, str):
        raise InputTypeError(f"the reference must be a string, got {type(reference).__name__}")
    match = PATTERN.fullmatch(reference)
    if match is None or match["repository"].split("/")[0] in KINDS:
        raise InputError(
            "a model of the Hugging Face Hub is hf://owner/repo, hf://owner/repo@revision, or "
            f"either with /folder, got {reference!r}"
        )
    revision = unquote(match["revision"]) if match["revision"] else None
    if revision is not None and not REVISION.fullmatch(revision):
        raise InputError(
            f"the revision in {reference!r} must be a branch, a tag or a commit, got {revision!r}"
        )
    return Reference(match["repository"], revision, match["folder"] or "")


def _obtain(place: Reference, offline: bool, remedy: str) -> Path:
    """Download what is new; where the Hub gives no answer, take what is in the cache."""
    try:
        return _download(place, offline, remedy)
    except Exception as error:
        if offline or isinstance(error, VaeOnnxError) or _is_answer(error):
            raise
        failed = error
    with contextlib.suppress(Exception):  # there, it is not whole
        return _download(place, True, remedy)
    raise failed


def _is_answer(error: Exception) -> bool:
    """Whether the Hub has said no, rather than nothing."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ == "HFValidationError" or status in (401, 403, 404, 410)


def _download(place: Reference, offline: bool, remedy: str) -> Path:
    """Return the folder in the cache, with all files of the model from one commit."""
    from huggingface_hub import (
        get_hf_file_metadata,
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )
    from huggingface_hub.errors import EntryNotFoundError

    def get(name: str, revision: str | None) -> Path:
        path = hf_hub_download(
            place.repository,
            place.path(name),
            revision=revision,
            local_files_only=offline,
            library_name="vae-onnx",
            library_version=vae_onnx.__version__,
        )
        return Path(path)

    def known(name: str, revision: str | None) -> bool:
        """Whether the file is in the cache, or its absence from the repository."""
        path = place.path(name)
        return try_to_load_from_cache(place.repository, path, revision=revision) is not None

    if not offline and not known(model_files.CARD, place.revision):
        path = place.path(model_files.CARD)
        # Says at once what is wrong, where the download would try again for minutes.
        get_hf_file_metadata(hf_hub_url(place.repository, path, revision=place.revision))
    card = get(model_files.CARD, place.revision)
    commit = card.parents[len(Path(place.folder).parts)].name
    for name in model_files.GRAPHS:
        get(name, commit)
    listed = model_files.checksums(card.parent, remedy)
    variants = filter(listed.__contains__, model_files.VARIANTS)
    for name in (*variants, model_files.LATENTS, model_files.HISTORY, model_files.STRIP):
        if not known(name, commit):
            with contextlib.suppress(EntryNotFoundError):
                get(name, commit)
    return card.parent


def _lacking(reference: str, error: ImportError) -> PackageMissingError:
    return PackageMissingError(
        f"{reference} needs huggingface_hub: pip install --upgrade huggingface_hub ({error})"
    )


def _told(error: Exception, reference: str, place: Reference, offline: bool) -> VaeOnnxError:
    """Say in errors of this package what came out of huggingface_hub."""
    from huggingface_hub import constants, errors

    if isinstance(error, errors.LocalEntryNotFoundError):
        if offline:
            return FileMissingError(
                f"{reference} is not in the cache, and nothing may go over the network "
                "(offline=True or HF_HUB_OFFLINE); load it once without"
            )
        error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    repository = place.repository
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.HFValidationError):
        return InputError(f"{reference!r} names no repository: {reason(error)}")
    if isinstance(error, errors.GatedRepoError):
        return FileAccessError(
            f"{repository} is open to those alone whom its owner lets in: ask for it on "
            f"{constants.ENDPOINT}/{repository}, then {LOGIN}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return FileMissingError(
            f"the Hub shows no model {repository}: check the name; if it is private, {LOGIN}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return FileMissingError(f"{repository} has no branch, tag or commit {place.revision}")
    if isinstance(error, errors.EntryNotFoundError):
        return FileMissingError(
            f"{reference} lacks one of {', '.join((*model_files.GRAPHS, model_files.CARD))}; a "
            "model in a folder of its repository is hf://owner/repo/folder; its owner uploads all "
            "three with `python -m export push`, in a clone of vae-onnx"
        )
    if status in (401, 403):
        return FileAccessError(f"the Hub refuses to show {repository} (status {status}): {LOGIN}")
    advice = network.setting(error)
    if advice is None and _is_of_the_disk(error):
        return FileAccessError(
            f"{reference} cannot be kept in {constants.HF_HUB_CACHE}: {reason(error)}; make room, "
            "or set HF_HUB_CACHE to another folder"
        )
    return FileAccessError(
        f"{reference} is not in the cache, and {constants.ENDPOINT} does not give it: "
        f"{reason(error)}; {advice or network.connection()}"
    )


def _is_of_the_disk(error: Exception) -> bool:
    """Tell by its number: errors of the network have none, or are of one of these two kinds."""
    if isinstance(error, ConnectionError | TimeoutError):
        return False
    return isinstance(error, OSError) and error.errno is not None


def reason(error: BaseException) -> str:
    """Return the first line of what was said first, before others said theirs about it."""
    while first := error.__cause__ or error.__context__:
        error = first
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
