"""Images -> rows of codes: the work on one block, and what it has in common with decoding."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vae_onnx import contract, evaluation
from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk.blocks import Block, Item, Items, Unusable, numbers, pixels, printable
from vae_onnx.distributions import Likelihood
from vae_onnx.engine import sizes
from vae_onnx.engine.graph import Array
from vae_onnx.errors import GraphError, VaeOnnxError
from vae_onnx.pictures.arrays import as_batch, scale
from vae_onnx.pictures.fitting import Fit
from vae_onnx.pictures.taking import Taker

MOST_ROWS: Final = 4096  # of a block
BLOCK_BYTES: Final = 2**26  # of its x
OPEN_ROWS: Final = 16  # of a block of images whose size is not known


@dataclass
class Done:
    """A block that is finished.

    Attributes:
        rows: As the schema of the work has them.
        errors: Of each image that could not be taken, its id as text, and the reason.
        notes: What was decided about the others, and how often.
    """

    rows: pa.RecordBatch
    errors: list[tuple[str, str]]
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Of the images of the block."""
        return len(self.rows) + len(self.errors)


class Work(Protocol):
    """What is done with each block of a source."""

    block_rows: int

    def schema(self, id_type: pa.DataType) -> pa.Schema:
        """Return the columns of the result."""

    def prepare(self, item: Item) -> Any:
        """Do what can be done with one image alone, beside the model's work."""

    def __call__(self, block: Block, prepared: Sequence[Any] | None) -> Done:
        """Run the model on a block.

        Args:
            block: Some images.
            prepared: What `prepare` made of each; None where the images are one array.
        """


@dataclass(frozen=True)
class Prepared:
    """A picture as the model takes it, and what was decided about it."""

    pixels: npt.NDArray[Any]
    notes: tuple[str, ...] = ()


class Embedding:
    """Images -> `mu` and `log_var`, or `z`; see `vae_onnx.bulk.embed`.

    Args:
        model: Opened.
        invert: As in `vae_onnx.pictures.taking.Taker`.
        fit: Likewise.
        elbo: Give the ELBO in nats as well.
        draws: Samples of the noise per image for that.
        seed: Of that noise.

    Raises:
        GraphError: `elbo`, and the metadata state no likelihood and prior to take it by.
    """

    def __init__(
        self,
        model: Autoencoder,
        *,
        invert: bool | None = None,
        fit: Fit | None = None,
        elbo: bool = False,
        draws: int = evaluation.Settings.draws,
        seed: int = 0,
    ) -> None:
        self.model: Autoencoder = model
        self.take: Taker = Taker(model, invert, fit)
        self.elbo: bool = elbo
        self.draws: int = draws
        self.seed: int = seed
        self.px: Likelihood | None = contract.likelihood(model.metadata) if elbo else None
        has_prior = contract.has_normal_prior(model.metadata, model.kind)
        if elbo and not (self.px and has_prior):
            raise GraphError(
                f"{model.folder}: an ELBO needs a likelihood and the prior N(0, I), and the "
                "metadata state none; leave --elbo out, or export the model with them"
            )
        self.names: tuple[str, ...] = ("mu", "log_var") if model.kind == "vae" else ("z",)
        self.is_fixed: bool = sizes.are_fixed(model.latent_shape)
        self.block_rows: int = rows_of(model)

    def schema(self, id_type: pa.DataType) -> pa.Schema:
        """See `Work.schema`."""
        code = pa.float32()
        shape = self.model.latent_shape
        for size in (math.prod(shape),) if self.is_fixed else shape:
            code = pa.list_(code, size if self.is_fixed else -1)
        fields = [(name, code) for name in self.names]
        elbo = [("elbo", pa.float32())] if self.elbo else []
        return pa.schema([("id", id_type), *fields, *elbo])

    def prepare(self, item: Item) -> Prepared | Unusable:
        """Decode a picture file, or see that an array can be taken."""
        try:
            if isinstance(item, Unusable):
                return item
            if not isinstance(item, np.ndarray):
                picture = self.take(item, item.name if isinstance(item, Path) else "this picture")
                return Prepared(picture.pixels, picture.notes)
            return Prepared(self._one(item))
        except MemoryError:
            raise
        except VaeOnnxError as error:
            return Unusable(str(error))

    def __call__(self, block: Block, prepared: Sequence[Any] | None) -> Done:
        """See `Work.__call__`."""
        items: Items = block.items
        if prepared is None and isinstance(items, np.ndarray):
            try:
                if len(self.model.encoder.as_batch(items)) == len(items):
                    return self._done(block, None, self._run([items], block.start))
            except VaeOnnxError:
                pass
            # Some row cannot be taken, or all together were taken for one image.
            prepared = [self.prepare(item) for item in items]
        prepared = with_ids(block.ids, prepared or [])
        good = [at for at, each in enumerate(prepared) if isinstance(each, Prepared)]
        batches = stacked([prepared[at].pixels for at in good])
        return self._done(block, prepared, self._run(batches, block.start))

    def _one(self, item: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """One image in NCHW, whose values are seen to be in range."""
        images = pixels(item)[np.newaxis]
        batch = as_batch(images, self.model.image_shape, self.model.size_multiple)
        scale(batch)
        one: npt.NDArray[Any] = batch[0]
        return one

    def _run(self, batches: Sequence[npt.NDArray[Any]], start: int) -> list[list[Array]]:
        """Each column of the result, in batches."""
        rng = np.random.default_rng([self.seed, start])
        columns: list[list[Array]] = [[] for _ in range(len(self.names) + self.elbo)]
        for batch in batches:
            if self.model.kind == "ae":
                columns[0].append(self.model.encode(batch))
                continue
            posterior = self.model.posterior(batch)
            columns[0].append(posterior.mu)
            columns[1].append(posterior.log_var)
            if self.px:
                x = scale(self.model.encoder.as_batch(batch))
                decode = self.model.decoder.to_x_recon
                nats = evaluation.nats(x, posterior, decode, rng, self.draws, self.px)
                columns[2].append((-nats).astype(np.float32))
        return columns

    def _done(
        self, block: Block, prepared: Sequence[Any] | None, columns: list[list[Array]]
    ) -> Done:
        ids, notes = block.ids, Counter[str]()
        errors: list[tuple[str, str]] = []
        if prepared is not None:
            ids, errors = sorted_out(block, prepared)
            for each in prepared:
                notes.update(each.notes if isinstance(each, Prepared) else ())
        schema = self.schema(ids.type)
        codes = columns[: len(self.names)]
        if self.is_fixed:
            codes = [[batch.reshape(len(batch), -1) for batch in each] for each in codes]
        arrays = [
            nested(each, schema.field(name).type)
            for name, each in zip(self.names, codes, strict=True)
        ]
        if self.elbo:
            arrays.append(nested(columns[-1], pa.float32()))
        return Done(pa.RecordBatch.from_arrays([ids, *arrays], schema=schema), errors, notes)


def rows_of(model: Autoencoder) -> int:
    """Return how many images of a model go through it as one block."""
    if not sizes.are_fixed(model.image_shape):
        return OPEN_ROWS
    return max(1, min(MOST_ROWS, BLOCK_BYTES // (4 * math.prod(model.image_shape))))


def stacked(images: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    """Return images in batches of those in a row that are alike."""
    batches: list[list[npt.NDArray[Any]]] = []
    for image in images:
        last = batches[-1][-1] if batches else None
        if last is not None and (last.shape, last.dtype) == (image.shape, image.dtype):
            batches[-1].append(image)
        else:
            batches.append([image])
    return [np.stack(batch) for batch in batches]


def with_ids(ids: pa.Array, prepared: Sequence[Any]) -> list[Any]:
    """Return what was prepared, but that what has no id cannot be used."""
    if not ids.null_count:
        return list(prepared)
    valid = ids.is_valid().to_pylist()
    null = Unusable("its id is null")
    return [each if has_id else null for each, has_id in zip(prepared, valid, strict=True)]


def sorted_out(block: Block, prepared: Sequence[Any]) -> tuple[pa.Array, list[tuple[str, str]]]:
    """Return the ids of those that can be taken, and of the others with the reason."""
    good = np.array([isinstance(each, Prepared) for each in prepared], bool)
    bad = np.flatnonzero(~good).tolist()
    errors = [(_called(block, at), printable(prepared[at].reason)) for at in bad]
    return block.ids.filter(pa.array(good)), errors


def _called(block: Block, at: int) -> str:
    called = block.ids[at].as_py()
    return f"(row {block.start + at})" if called is None else str(called)


def nested(batches: Sequence[npt.NDArray[Any]], kind: pa.DataType) -> pa.Array:
    """Return batches (n, ...) as one column of lists in lists, or of numbers (n,)."""
    arrays = []
    for batch in batches:
        array = numbers(batch.reshape(-1))
        for width in batch.shape[:0:-1]:
            array = pa.FixedSizeListArray.from_arrays(array, width)
        arrays.append(array.cast(kind))
    return pa.concat_arrays(arrays) if arrays else pa.nulls(0, kind)
