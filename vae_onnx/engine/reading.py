"""The content of an ONNX file, or why it cannot be used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import onnxruntime as ort

from vae_onnx.errors import EXPORTING, FileMissingError, GraphError, accessing, is_file

# The key of a reference to another file, after its length. onnxruntime would follow it anywhere.
EXTERNAL: Final = (b"\x08location", b"\x00location")
NEWER: Final = re.compile(r"Unsupported model IR version|official support for domain")


def read(path: Path) -> bytes:
    """Return the content of a file that holds its weights itself.

    Raises:
        FileMissingError: There is no such file.
        FileAccessError: It cannot be read.
        GraphError: It refers to another file.
    """
    with accessing(path):
        content = path.read_bytes() if is_file(path) else None
    if content is None:
        raise FileMissingError(
            f"{path} is missing or no file; get the whole folder of the model again from where it "
            f"came; {EXPORTING} writes it"
        )
    if any(key in content for key in EXTERNAL):
        raise GraphError(
            f"{path} keeps its weights in another file; a graph must hold them itself: "
            f"`import onnx; onnx.save(onnx.load({str(path)!r}), {str(path)!r})` takes them in, and "
            "torch.onnx.export(..., external_data=False) leaves them there"
        )
    return content


def unusable(path: Path, content: bytes, error: Exception) -> str:
    """Say why onnxruntime does not take a file, and what to do."""
    from vae_onnx.store.mistaken import named  # takes time at every start

    mistaken = named(content, path)
    if mistaken:
        return f"{path} ({len(content)} bytes) is not a complete ONNX graph: {mistaken}"
    if NEWER.search(str(error)):
        return (
            f"{path} is newer than onnxruntime {ort.__version__}: pip install --upgrade "
            f"onnxruntime, or export it for IR version 8 and opset 18. onnxruntime says: {error}"
        )
    return (
        f"{path} ({len(content)} bytes) is not a complete ONNX graph that onnxruntime "
        f"{ort.__version__} can run; copy or export it again. onnxruntime says: {error}"
    )
