"""vae_onnx itself."""

from typing import Any

import numpy as np

from .given import Array, Call, Given, Peer, Ways, called

LARGE = 1024  # rows whose results are worth a buffer that is used again
INT8 = 0.01  # by which results of int8 may differ on average: pixels, or numbers of z


def float32(given: Given) -> Peer:
    return _peer(given, "")


def int8(given: Given) -> Peer:
    return _peer(given, "int8", precision="int8")._replace(mean_bound=INT8)


def spin(given: Given) -> Peer:
    return _peer(given, "spin=True", spin=True)


def uint8(given: Given) -> Peer:
    peer = _peer(given, "uint8 images")

    def ways(operation: str, rows: int) -> Ways:
        if operation == "decode":
            return {}
        as_float = peer.ways(operation, rows)
        return {
            way: lambda x, make=make: make(np.rint(x * 255).astype(np.uint8))
            for way, make in as_float.items()
        }

    return peer._replace(ways=ways)


def _peer(given: Given, more: str, **options: Any) -> Peer:
    import vae_onnx

    model = vae_onnx.load(given.folder, threads=given.threads, **options)

    def encode(x: Array) -> Call:
        images = x.reshape(-1, 28, 28)
        return lambda: [model.encode(images)]

    def decode(z: Array) -> Call:
        return lambda: [model.decode(z)]

    def decode_into(z: Array) -> Call:
        out = np.empty((len(z), 28, 28), np.float32)
        return lambda: [model.decode(z, out)]

    def ways(operation: str, rows: int) -> Ways:
        if operation == "encode":
            return {"encode(x)": encode}
        return {"decode(z)": decode} | ({"decode(z, out)": decode_into} if rows >= LARGE else {})

    return Peer(called("vae-onnx", more, "vae_onnx"), ways)
