"""The versions that every graph is written in: the oldest that hold it, for hosts of old."""

from typing import Final

OPSET: Final = 18  # the oldest that torch exports to
IR_VERSION: Final = 8  # all that opset 18 asks for; onnxruntime reads it from 1.15 on, or before
