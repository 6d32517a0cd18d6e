"""What a model's folder tells beside its graphs, and how a model is named."""

from __future__ import annotations

import json
from collections.abc import Iterator

from vae_onnx import contract
from vae_onnx.store import bundled, hub, mistaken, model_files

from ..target import Target, as_file


class _Told:
    """What a graph says, without one."""

    path = "input.onnx"

    def __init__(self, metadata: dict[str, str]) -> None:
        self.metadata = metadata


def _card_seeds() -> Iterator[bytes]:
    for name in bundled.names():
        yield bundled.file(f"{name}/card.json").read_bytes()


def _take_card(content: bytes) -> None:
    folder = as_file(content, "card.json").parent
    for name in model_files.GRAPHS:
        (folder / name).touch()
    model_files.read_card(folder)
    model_files.checksums(folder)
    model_files.verify(folder)


def _metadata_seeds() -> Iterator[bytes]:
    told = {"size_multiple": "8", "likelihood": "gaussian, of x", "sigma": "0.1", "prior": "none"}
    codes = {"latent_mean": "[0, 1e3]", "latent_std": "[1, 2]", "latent_range": "[[0,1],[2,3]]"}
    yield json.dumps({**told, **codes, "ground": "white"}).encode()
    yield json.dumps({"likelihood": "bernoulli", "ground": "black"}).encode()


def _take_metadata(content: bytes) -> None:
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        return  # in a graph they are texts
    contract.size_multiple(_Told(told))
    contract.likelihood(told)
    contract.ground(told)
    contract.has_normal_prior(told, "vae")
    for key in ("latent_mean", "latent_std", "latent_range"):
        contract.codes(told, key, (2,))


def _reference_seeds() -> Iterator[bytes]:
    yield from (b"hf://owner/repo", b"hf://a/b@v1.0%2Fx/folder/in", b"hf://a/b@refs/pr/1")


def _start_seeds() -> Iterator[bytes]:
    yield from (start + bytes(16) for _, start, _ in mistaken.KINDS)
    yield from (b"<!doctype html>", b'{"error": 1}', b"version https://git-lfs.github.com/spec/v1")
    yield b"PK\x03\x04 data.pkl"


TARGETS = (
    Target(
        "card",
        _card_seeds,
        _take_card,
        words=(b'"sha256"', b'"variants"', b"null", b"[", b"{", b"encoder.onnx"),
    ),
    Target(
        "metadata",
        _metadata_seeds,
        _take_metadata,
        words=(b"latent_mean", b"size_multiple", b"sigma", b"1e400", b"NaN", b"[", b"Infinity"),
    ),
    Target(
        "reference",
        _reference_seeds,
        lambda content: hub.parse(content.decode("latin-1")),
        words=(b"@", b"%2F", b"..", b"/"),
    ),
    Target(
        "mistaken",
        _start_seeds,
        lambda content: mistaken.in_place_of(as_file(content, "encoder.onnx")),
    ),
)
