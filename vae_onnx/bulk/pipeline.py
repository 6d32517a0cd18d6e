"""A class for other people's pipelines: batches of columns in, batches with codes out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import vae_onnx
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk.blocks import Block, Item, Unusable, numbers, pixels
from vae_onnx.bulk.embedding import Embedding
from vae_onnx.errors import InputError
from vae_onnx.evaluation import Settings
from vae_onnx.pictures.fitting import Fit

Batch = dict[str, npt.NDArray[Any]]


class Embed:
    """Adds codes to batches of images, for `ray.data` and what works alike, as `datasets` does.

        ds.map_batches(Embed, fn_constructor_args=("mnist-vae",), batch_size=4096, concurrency=2)

    Args:
        model: What `vae_onnx.load` takes; it is opened once in each actor.
        column: Of the images: numbers (N, height, width[, channels]) as `encode` takes them, or
            objects, each the bytes of a picture file, a dictionary with such `bytes`, a picture of
            Pillow, or an array.
        keep: Leave the images in the batch.
        errors: "raise" where an image cannot be taken, or "drop" its row.
        fit: As in `vae_onnx.bulk.embed`.
        invert: Likewise.
        elbo: Likewise.
        draws: Likewise.
        seed: Likewise; the noise is the same for each batch.
        options: Of `load`: device, threads, precision ...

    Raises:
        VaeOnnxError: See `vae_onnx.load`.
    """

    def __init__(
        self,
        model: str,
        *,
        column: str = "image",
        keep: bool = False,
        errors: Literal["raise", "drop"] = "raise",
        fit: Fit | None = None,
        invert: bool | None = None,
        elbo: bool = False,
        draws: int = Settings.draws,
        seed: int = 0,
        **options: Any,
    ) -> None:
        if errors not in ("raise", "drop"):
            raise InputError(f"errors must be 'raise' or 'drop', got {errors!r}")
        self.column: str = column
        self.keep: bool = keep
        self.errors: Literal["raise", "drop"] = errors
        self.model: Autoencoder = vae_onnx.load(model, **options)
        self.embedding: Embedding = Embedding(
            self.model, invert=invert, fit=fit, elbo=elbo, draws=draws, seed=seed
        )

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch with `mu` and `log_var`, or `z`, (N, *latent_shape) float32.

        Raises:
            InputError: There is no such column, or an image cannot be taken and errors="raise".
        """
        if self.column not in batch:
            raise InputError(
                f"the batch has no column {self.column!r}, it has {', '.join(batch)}; name the "
                'images with Embed(..., column="...")'
            )
        images = batch[self.column]
        are_numbers = isinstance(images, np.ndarray) and images.dtype != object
        items: Any = pixels(images) if are_numbers else [_item(each) for each in images]
        prepared = None if are_numbers else [self.embedding.prepare(item) for item in items]
        block = Block(0, numbers(np.arange(len(images))), items)
        done = self.embedding(block, prepared)
        if done.errors and self.errors == "raise":
            place, reason = done.errors[0]
            raise InputError(
                f"{len(done.errors)} of {len(images)} images of the column {self.column!r} cannot "
                f'be taken, the first at {place}: {reason}; errors="drop" leaves such rows out'
            )
        rows = done.rows["id"].to_numpy()
        kept = {
            name: values[rows] if isinstance(values, np.ndarray) else [values[at] for at in rows]
            for name, values in batch.items()
            if self.keep or name != self.column
        }
        return {**kept, **self._columns(done.rows)}

    def _columns(self, rows: pa.RecordBatch) -> Batch:
        columns: Batch = {}
        for name in rows.schema.names[1:]:
            values = rows.column(name)
            if name == "elbo":
                columns[name] = values.to_numpy()
            elif not self.embedding.is_fixed:
                columns[name] = _ragged([np.array(each, np.float32) for each in values.to_pylist()])
            else:
                flat = values.flatten().to_numpy()
                columns[name] = flat.reshape(len(rows), *self.model.latent_shape)
        return columns


def _ragged(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return arrays as one where all are of one shape, else as objects."""
    if len({array.shape for array in arrays}) == 1:
        return np.stack(arrays)
    objects = np.empty(len(arrays), object)
    for at, array in enumerate(arrays):
        objects[at] = array
    return objects


def _item(value: Any) -> Item:
    if isinstance(value, dict):
        value = value.get("bytes")
    if value is None:
        return Unusable("it is null")
    is_picture = isinstance(value, bytes) or hasattr(value, "getbands")  # Pillow's, of any mode
    return value if is_picture else np.asarray(value)
