"""A column of Arrow or Parquet -> images: encoded pictures, raw bytes, or numbers in lists."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from vae_onnx.bulk.blocks import Item, Items, Unusable, pixels
from vae_onnx.errors import InputError

# How files of pictures begin; raw pixels hardly do.
MAGIC: Final = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")
NULL: Final = Unusable("it is null")
ID: Final = "id"
CODES: Final = ("mu", "z")  # columns of what was embedded


class Column(NamedTuple):
    """Which column holds the images, and as what.

    Attributes:
        name: Of the column.
        form: "pictures" (encoded), "bytes" (raw, one a pixel and channel) or "numbers".
    """

    name: str
    form: str


def pick(schema: pa.Schema, wanted: str | None, where: str, form: str = "images") -> str:
    """Return the name of the column that holds the images.

    Raises:
        InputError: There is none, or there are several and none is `wanted`; or it is no such.
    """
    able = [field.name for field in schema if _is_able(field.type, form)]
    if wanted is not None:
        if wanted not in schema.names:
            raise InputError(
                f"{where} has no column {wanted!r}; it has {', '.join(schema.names) or 'none'}"
            )
        if wanted not in able:
            raise InputError(
                f"the column {wanted!r} of {where} is {schema.field(wanted).type}; {form} are "
                "binary, a struct with `bytes`, or lists of numbers"
            )
        return wanted
    usual = [name for name in CODES if name in able] if form == "codes" else []
    if len(able) == 1 or usual:
        return (usual or able)[0]
    told = f"several: {', '.join(able)}; name one with --column" if able else "none"
    raise InputError(
        f"{where} must have one column that can hold {form} (binary, a struct with `bytes`, or "
        f"lists of numbers), it has {told}; its columns are {', '.join(schema.names) or 'none'}"
    )


def pick_id(schema: pa.Schema, wanted: str | None, where: str) -> str | None:
    """Return the name of the column of ids: the wanted one, or `id` if there is one.

    Raises:
        InputError: The wanted one is missing, or holds neither integers nor strings.
    """
    if wanted is None:
        found = ID in schema.names and _is_id(schema.field(ID).type)
        return ID if found else None
    if wanted not in schema.names:
        raise InputError(f"{where} has no column {wanted!r} for the ids; see {schema.names}")
    if not _is_id(schema.field(wanted).type):
        raise InputError(
            f"ids must be integers or strings, the column {wanted!r} of {where} is "
            f"{schema.field(wanted).type}"
        )
    return wanted


def id_type(kind: pa.DataType) -> pa.DataType:
    """Return as what ids of some type are written: int64, or uint64 as it is, or string."""
    if pa.types.is_uint64(kind):
        return pa.uint64()
    return pa.int64() if pa.types.is_integer(kind) else pa.string()


def form(column: pa.Array, raw_bytes: int | None) -> str | None:
    """Tell by the first value what a column holds; None where all are null.

    Args:
        column: Some of it.
        raw_bytes: Of an image as the model takes it, uint8; None where it takes any size.
    """
    values = encoded(column)
    if values is None:
        return "numbers"
    first = next((value.as_py() for value in values if value.is_valid), None)
    if first is None:
        return None
    raw = len(first) == raw_bytes and not first.startswith(MAGIC)
    return "bytes" if raw else "pictures"


def images(column: pa.Array, form: str) -> Items:
    """Return the images of a column: an array where all are alike, else one by one."""
    values = encoded(column)
    if values is not None:
        array = _raw(values) if form == "bytes" else None
        return array if array is not None else [_content(value, form) for value in values]
    shape = None
    if isinstance(column, pa.ExtensionArray):
        if isinstance(column.type, pa.FixedShapeTensorType):
            shape = column.type.shape  # of what is stored flat
        column = column.storage
    array = _regular(column)
    if array is not None:
        return array.reshape(len(column), *shape) if shape else array
    items = [_numbers(value) for value in column]
    if not shape:
        return items
    return [item.reshape(shape) if isinstance(item, np.ndarray) else item for item in items]


def encoded(column: pa.Array) -> pa.Array | None:
    """Return the column of bytes, None where it holds numbers."""
    kind = column.type
    if pa.types.is_struct(kind):
        return column.field("bytes") if not column.null_count else _field(column)
    return column if is_binary(kind) else None


def is_binary(kind: pa.DataType) -> bool:
    """Whether the values are bytes."""
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


def _field(column: pa.Array) -> pa.Array:
    """The field `bytes` of structs, null where the struct is."""
    import pyarrow.compute as pc

    return pc.struct_field(column, "bytes")


def _is_able(kind: pa.DataType, form: str) -> bool:
    if isinstance(kind, pa.BaseExtensionType):  # a tensor may be, a UUID is none
        kind = kind.storage_type
        return _is_list(kind) and _is_able(kind, form)
    if form == "codes":
        return _is_list(kind) and _depth(kind)[1] in (pa.float32(), pa.float64())
    if pa.types.is_struct(kind):
        at = kind.get_field_index("bytes")
        return at >= 0 and is_binary(kind.field(at).type)
    if not _is_list(kind):
        return is_binary(kind)
    inner = _depth(kind)[1]
    return bool(pa.types.is_integer(inner) or pa.types.is_floating(inner))


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _depth(kind: pa.DataType) -> tuple[int, pa.DataType]:
    """How many lists lie in one another, and of what."""
    depth = 0
    while _is_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth, kind


def _is_id(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    )


def _raw(values: pa.Array) -> npt.NDArray[Any] | None:
    """Bytes of one length as (n, length) uint8, without a copy."""
    if values.null_count or not len(values):
        return None
    if pa.types.is_fixed_size_binary(values.type):
        width = values.type.byte_width
        start = values.offset * width
        flat = np.frombuffer(values.buffers()[1], np.uint8)[start : start + len(values) * width]
        return flat.reshape(len(values), width)
    offsets = _offsets(values, 8 if pa.types.is_large_binary(values.type) else 4)
    width = int(offsets[1] - offsets[0])
    if not width or np.any(np.diff(offsets) != width):
        return None
    flat = np.frombuffer(values.buffers()[2], np.uint8)
    return flat[offsets[0] : offsets[-1]].reshape(len(values), width)


def _regular(column: pa.Array) -> npt.NDArray[Any] | None:
    """Lists of one length in lists of one length ... as an array, without a copy; else None."""
    shape = [len(column)]
    while _is_list(column.type):
        if column.null_count or not len(column):
            return None
        if pa.types.is_fixed_size_list(column.type):
            width = column.type.list_size
        else:
            offsets = _offsets(column, 8 if pa.types.is_large_list(column.type) else 4)
            width = int(offsets[1] - offsets[0])
            if np.any(np.diff(offsets) != width):
                return None
        if not width:
            return None
        shape.append(width)
        column = column.flatten()
    if column.null_count or len(column) != math.prod(shape):
        return None
    # Arrow's own `to_numpy` would import pandas first.
    return pixels(np.from_dlpack(column).reshape(shape))


def _offsets(column: pa.Array, width: int) -> npt.NDArray[Any]:
    dtype = np.int64 if width == 8 else np.int32
    found = np.frombuffer(column.buffers()[1], dtype)
    return found[column.offset : column.offset + len(column) + 1].astype(np.int64)


def _content(value: pa.Scalar, form: str) -> Item:
    content = value.as_py()
    if content is None:
        return NULL
    return np.frombuffer(content, np.uint8) if form == "bytes" else content


def _numbers(value: pa.Scalar) -> Item:
    numbers = value.as_py()
    if numbers is None:
        return NULL
    try:
        array = np.array(numbers)
    except ValueError:  # rows of different lengths
        return Unusable("its lists are of different lengths")
    if array.dtype == object:
        return Unusable("some of its numbers are null")
    return pixels(array.astype(_depth(value.type)[1].to_pandas_dtype()))
