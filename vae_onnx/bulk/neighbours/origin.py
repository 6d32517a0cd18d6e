"""The model that a collection was embedded with: found again, and seen to be the same."""

from __future__ import annotations

import hashlib

import vae_onnx
from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.errors import FileError, FileMissingError, InputError, accessing


def model_of(collection: Collection, place: str | None = None) -> vae_onnx.Autoencoder:
    """Load the model that a collection was embedded with, in the precision that it was.

    Args:
        collection: What `vae-onnx embed` wrote, or others.
        place: Where the model is, as for `vae_onnx.load`; by default where it was, as the
            collection tells in "reference", or else in "model".

    Raises:
        InputError: The collection tells of no model, and no place is given.
        FileMissingError: The model is not there.
        FileError: Its encoder is another file than the one whose sha256 the collection tells; see
            `vae_onnx.load` for what else that raises.
    """
    about = collection.about
    name = place or about.get("reference") or about.get("model")
    if name is None:
        raise InputError(
            f"{collection.path} does not tell which model its vectors are of; name it with "
            "--model, or look for one of its rows with --id"
        )
    try:
        model = vae_onnx.load(name, precision=about.get("precision", "float32"))
    except FileMissingError as error:
        if place:
            raise
        raise FileMissingError(
            f"{collection.path} is of a model that is not here: {error}; --model PATH says where "
            "it is"
        ) from error
    encoder = model.encoder.graph.path
    expected = checksum(collection, encoder.name)
    with accessing(encoder), encoder.open("rb") as file:
        got = hashlib.file_digest(file, "sha256").hexdigest()
    if expected not in (None, got):
        raise FileError(
            f"{collection.path} was embedded with another model than {encoder}: expected sha256 "
            f"{expected}, got {got}; codes of two models cannot be compared: name its own with "
            "--model PATH, or embed the pictures again"
        )
    return model


def checksum(collection: Collection, name: str) -> str | None:
    """Return the sha256 of a file of the model, None where the collection does not tell."""
    sums = collection.about.get("sha256")
    return sums.get(name) if isinstance(sums, dict) else None
