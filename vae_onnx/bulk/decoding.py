"""Codes -> rows of pictures: the work on one block."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vae_onnx.autoencoder import Autoencoder
from vae_onnx.bulk.blocks import Block, Item, Items, Unusable
from vae_onnx.bulk.embedding import (
    Done,
    Prepared,
    nested,
    rows_of,
    sorted_out,
    stacked,
    with_ids,
)
from vae_onnx.engine import sizes
from vae_onnx.errors import InputError, VaeOnnxError
from vae_onnx.pictures.arrays import to_uint8
from vae_onnx.pictures.files import pillow

Form = Literal["pictures", "arrays"]
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class Decoding:
    """Codes -> pictures; see `vae_onnx.bulk.decode`.

    Args:
        model: Opened.
        form: "pictures" writes PNG files, as `datasets` has them; "arrays" uint8 numbers.
        each: Does something with many pictures at once, such as `map` of a pool.

    Raises:
        PackageMissingError: Pictures are wanted, and Pillow is not installed.
        InputError: No picture file has as many channels as the model.
    """

    def __init__(self, model: Autoencoder, form: Form, each: Map = map) -> None:
        self.model: Autoencoder = model
        self.form: Form = form
        self.each: Map = each
        self.block_rows: int = rows_of(model)
        channels = model.image_shape[0]
        if form == "pictures":
            pillow()
            if channels not in (1, 3):
                raise InputError(
                    f"a picture file holds 1 or 3 channels, {model.folder} makes {channels}; take "
                    "form='arrays', in the command --format npy"
                )

    def schema(self, id_type: pa.DataType) -> pa.Schema:
        """See `Work.schema`."""
        if self.form == "pictures":
            image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
            return pa.schema([("id", id_type), ("image", image)])
        channels, height, width = self.model.image_shape
        kind = pa.uint8()
        for size in (channels, width, height) if channels > 1 else (width, height):
            kind = pa.list_(kind, size)
        return pa.schema([("id", id_type), ("image", kind)])

    def prepare(self, item: Item) -> Prepared | Unusable:
        """See that a code can be taken."""
        if isinstance(item, Unusable):
            return item
        try:
            rows = self.model.decoder.as_rows(np.asarray(item).reshape(self._shape(item)))
            return Prepared(rows[0])
        except (VaeOnnxError, ValueError) as error:
            return Unusable(str(error))

    def __call__(self, block: Block, prepared: Sequence[Any] | None) -> Done:
        """See `Work.__call__`."""
        ids, errors = block.ids, list[tuple[str, str]]()
        batches = self._together(block.items) if prepared is None else None
        if batches is None:
            prepared = with_ids(ids, prepared or [self.prepare(item) for item in block.items])
            ids, errors = sorted_out(block, prepared)
            good = [each.pixels for each in prepared if isinstance(each, Prepared)]
            batches = [to_uint8(self.model.decode(batch)) for batch in stacked(good)]
        schema = self.schema(ids.type)
        kind = schema.field("image").type
        if self.form == "pictures":
            pixels = [picture for batch in batches for picture in batch]
            values = [{"bytes": content, "path": None} for content in self.each(png, pixels)]
            image = pa.array(values, kind)
        else:
            image = nested(batches, kind)
        return Done(pa.RecordBatch.from_arrays([ids, image], schema=schema), errors)

    def _together(self, codes: Items) -> list[npt.NDArray[np.uint8]] | None:
        """Decode all codes at once; None where they are not alike, or one cannot be taken."""
        if not isinstance(codes, np.ndarray):
            return None
        try:
            pictures = self.model.decode(codes.reshape(len(codes), *self.model.latent_shape))
        except (VaeOnnxError, ValueError):
            return None
        return [to_uint8(pictures)]

    def _shape(self, item: Any) -> tuple[int, ...]:
        if sizes.are_fixed(self.model.latent_shape):
            return (1, *self.model.latent_shape)
        return (1, *np.asarray(item).shape)


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Return a picture (height, width) or (height, width, channels) as a PNG file."""
    file = io.BytesIO()
    pillow().fromarray(pixels).save(file, "PNG")
    return file.getvalue()
