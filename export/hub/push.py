"""A model folder -> a repository of the Hugging Face Hub, which `vae_onnx.load` takes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    ModelCardData,
    get_token,
)
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

import vae_onnx
from export import markdown, writing
from export.config import Config
from export.errors import ConfigError, HubError, ModelError, UserError
from export.training import card
from vae_onnx.engine.graph import Port
from vae_onnx.errors import VaeOnnxError
from vae_onnx.store import hub, model_files

OURS: Final = "<!-- Written by `python -m export push`. Without this line, it stays as it is. -->"
DATASETS: Final = {"mnist": "ylecun/mnist", "fashion-mnist": "zalando-datasets/fashion_mnist"}
TASKS: Final = {"vae": "unconditional-image-generation", "ae": "image-feature-extraction"}


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


def page(folder: Path, reference: str) -> str:
    """Return the README.md for the repository of a model: one's own, or else the model card.

    Args:
        folder: The model folder.
        reference: What `vae_onnx.load` will take.

    Raises:
        ModelError: The folder holds no complete model with a card of `python -m export onnx`.
    """
    try:
        model = vae_onnx.load(folder)
        model_files.verify(folder, "export it again")
        told = model_files.read_card(folder)
        own = folder / card.CARD
        text = own.read_text(encoding="utf-8") if own.exists() else OURS
    except (VaeOnnxError, UnicodeDecodeError) as error:
        raise ModelError(f"{error}; nothing was sent") from error
    if OURS not in text:
        return text
    try:
        config = Config(**told["config"])
        return _card(model, told, config, reference)
    except (KeyError, TypeError, ConfigError) as error:
        raise ModelError(
            f"{folder / model_files.CARD} is not as `python -m export onnx` writes it, so that "
            f"there is nothing to make a model card from ({error!r}); export the model again, or "
            f"write a {card.CARD} of your own into the folder"
        ) from error


def _card(model: vae_onnx.Autoencoder, told: dict[str, Any], config: Config, reference: str) -> str:
    """Compose the model card of a repository from what the model and its record tell."""
    facts = ("pixel_range", "polarity", "likelihood", "prior")
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    paragraphs = [
        f"---\n{_metadata(model, config)}\n---",
        OURS,
        f"# {told['name']}",
        f"{card.summary(config, told['parameters'])} It is two ONNX graphs, which vae-onnx runs "
        "with numpy and onnxruntime alone, without PyTorch, and every other ONNX host as well.",
        "## Use it",
        "```sh\npip install 'vae-onnx[hub]'\n```",
        f"```python\n{_usage(model, reference)}\n```",
        "The files are downloaded once, and checked against the sha256 in `card.json` each time. "
        "`offline=True` takes them from the cache alone.",
        "## The graphs",
        markdown.table(
            ["file", "input", "outputs"],
            [
                [f"`{graph.path.name}`", _ports(graph.inputs), _ports(graph.outputs)]
                for graph in (model.encoder.graph, model.decoder.graph)
            ],
        ),
        "The batch is dynamic, and nothing in a graph is random.",
        "\n".join(f"- {key.replace('_', ' ')}: {model.metadata[key]}" for key in facts),
        *_variants(told.get("variants", {})),
        "## How good it is",
        *card.results(told["metrics"]),
        "## How it was trained",
        f"```sh\n{told['command']}\n```",
        f"`card.json` lists all options. Exported by {versions}.",
        "## What it is for",
        card.purpose(config),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _variants(told: Mapping[str, Any]) -> list[str]:
    """Say what each variant in shorter numbers costs and saves, as `card.json` records it."""
    if not told:
        return []
    rows = []
    for name, measured in told.items():
        change = markdown.signed(measured["total_change"])
        ratios = measured["time_ratio"]["decode"]
        rows.append(
            [f'`precision="{name}"`', change, f"{ratios['1']:.2f}", f"{ratios['10000']:.2f}"]
        )
    header = ["variant", "nats per image", "decode 1", "decode 10,000"]
    return [
        "In shorter numbers: what is added to the loss, and the time where float32 takes 1.00.",
        markdown.table(header, rows),
    ]


def _usage(model: vae_onnx.Autoencoder, reference: str) -> str:
    channels, height, width = model.image_shape
    shape = f"(16, {height}, {width}" + (")" if channels == 1 else f", {channels})")
    lines = [
        "import numpy as np",
        "import vae_onnx",
        "",
        f'model = vae_onnx.load("{reference}")',
        f"images = np.zeros({shape}, np.uint8)  # yours: uint8, or float in [0, 1]",
        f"z = model.encode(images)  # (16, {model.latent_dim})",
        f"x_recon = model.decode(z)  # {shape} float32 in [0, 1]",
    ]
    if model.kind == "vae":
        lines += ["new = model.sample(16, np.random.default_rng(0))  # the same, from the prior"]
    return "\n".join(lines)


def _metadata(model: vae_onnx.Autoencoder, config: Config) -> str:
    """Return what the Hub reads of a card; of somebody's own images there is no licence to tell."""
    licence = model.metadata.get("licence")
    dataset = DATASETS.get(config.dataset)
    data = ModelCardData(
        license=licence.lower() if licence else None,
        library_name="vae-onnx",
        pipeline_tag=TASKS[model.kind],
        tags=["onnx", "onnxruntime", "autoencoder"] + ["vae"] * (model.kind == "vae"),
        datasets=[dataset] if dataset else None,
    )
    return data.to_yaml(line_break="\n")


def _ports(ports: Mapping[str, Port]) -> str:
    return ", ".join(
        f"`{name}` float32 [{', '.join(map(str, port.shape))}]" for name, port in ports.items()
    )


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
