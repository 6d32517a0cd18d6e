"""All readers that are fuzzed, by the module that has them: not every environment has all."""

from __future__ import annotations

from importlib import import_module

from ..target import Target

Known = tuple[int, str]  # thousands of inputs, more where reading is quick; and what they are
KNOWN: dict[str, dict[str, Known]] = {
    "arrays": {
        "npy": (30, ".npy, as arrays and as collections"),
        "npz": (25, ".npz, as collections"),
        "idx": (20, "IDX, the format of MNIST's files"),
        "idx_gz": (30, "IDX packed with gzip"),
    },
    "pictures": {
        "picture": (40, "picture files: PNG, JPEG, GIF, WebP, TIFF, BMP, PPM, AVIF"),
        "drawing": (20, "pictures as drawings of digits"),
        "data_url": (40, "data: URLs of pictures, as the page and MCP send them"),
        "pad": (40, "what the demo's pad sends, JSON"),
        "endpoint": (20, "calls of the demo's endpoints, JSON"),
    },
    "tables": {
        "parquet": (20, "Parquet, as collections of images"),
        "arrow": (20, "Arrow's streams, as collections of images"),
        "arrow_folder": (15, "state.json of a saved data set"),
        "tar": (20, "tar files of WebDataset"),
        "collection": (15, "Parquet of codes, to search in"),
        "job": (60, "job.json of a result that is resumed"),
        "index": (60, "what an index of neighbours tells"),
    },
    "model": {
        "card": (20, "card.json of a model"),
        "metadata": (120, "the metadata of a graph"),
        "reference": (120, "addresses of models, hf://"),
        "mistaken": (100, "what lies where a graph should"),
    },
    "graphs": {
        "encoder": (100, "encoder.onnx, loaded and run"),
        "decoder": (100, "decoder.onnx, loaded and run"),
        "adopted": (2, "a graph of somebody's, adopted"),
    },
    "weights": {
        "weights": (15, "weights of PyTorch"),
        "checkpoint": (10, "checkpoints of a training"),
        "run": (60, "config.json of a training"),
    },
    # Where what `vae-onnx serve` needs is installed, and nowhere else.
    "protocol": {
        "rest": (110, "requests over HTTP"),
        "grpc": (80, "requests over gRPC"),
    },
    # In Node: graphs.mjs.
    "web": {"vae_js": (100, "graphs in vae.js, loaded and run by its own engine")},
}
ALONE = ("protocol", "web")


def names(module: str | None = None) -> list[str]:
    """Return the names of all targets, or of one module."""
    chosen = [module] if module else [each for each in KNOWN if each not in ALONE]
    return [name for each in chosen for name in KNOWN[each]]


def inputs(name: str, share: float = 1.0) -> int:
    """Return how many inputs a target is given, of which only a share may be wanted."""
    return max(1, round(1000 * _all()[name][0] * share))


def reads(name: str) -> str:
    """Return what the inputs of a target are."""
    return _all()[name][1]


def _all() -> dict[str, Known]:
    return {name: known for some in KNOWN.values() for name, known in some.items()}


def load(name: str) -> Target:
    """Return a target; what it reads with is imported now."""
    (module,) = (module for module, known in KNOWN.items() if name in known)
    found: dict[str, Target] = {
        target.name: target for target in import_module(f"{__name__}.{module}").TARGETS
    }
    return found[name]
