"""A model -> a model repository, which `tritonserver --model-repository` takes."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

import vae_onnx
from export.errors import ConfigError, ModelError
from export.triton import configuration
from export.triton.configuration import Batching
from vae_onnx.autoencoder import Autoencoder, Precision
from vae_onnx.errors import GraphError, InputError
from vae_onnx.serving.layout import VERSION, Layout, layout

CONFIG: Final = "config.pbtxt"
GRAPH: Final = "model.onnx"
KEEP: Final = ".keep"  # stores of objects have no empty folders, and Triton wants this one


def write(
    model: str,
    out: Path,
    batching: Batching,
    name: str | None = None,
    precision: Precision = "float32",
) -> None:
    """Write NAME-encoder, NAME-decoder, and NAME, which is the one after the other.

    All is complete before `out` is there.

    Args:
        model: What `vae_onnx.load` takes.
        out: The repository; made if it is missing, refused if something is in it.
        batching: How Triton shares out the work.
        name: What to call the model; by default as its graphs do.
        precision: Which of the model's variants.

    Raises:
        FileExistsError: Something is in `out`.
        ConfigError: `out` is a file, or the model's name is none for a folder.
        ModelError: The model's graphs are damaged.
        OSError: There is no such model, or `out` cannot be written.
    """
    _check(out)
    with _opened(model, precision) as opened:
        planned = _planned(opened, name)
        graphs = (opened.encoder.graph.path, opened.decoder.graph.path)
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.partial-") as folder:
            partial = Path(folder) / out.name
            _fill(partial, planned, batching, graphs)
            partial.replace(out)  # of an empty folder, too
    for offered in planned:
        outputs = ", ".join(tensor.name for tensor in offered.outputs)
        print(f"{out / offered.name}: {offered.input.name} -> {outputs}")


def _opened(model: str, precision: Precision) -> Autoencoder:
    try:
        return vae_onnx.load(model, device="cpu", precision=precision)
    except GraphError as error:
        raise ModelError(str(error)) from error


def _planned(model: Autoencoder, name: str | None) -> Layout:
    try:
        return layout(model, name)
    except InputError as error:
        raise ConfigError(str(error)) from error


def _check(out: Path) -> None:
    if out.is_dir() and any(out.iterdir()):
        raise FileExistsError(
            f"{out} is not empty; choose another DIR: tritonserver takes several, each with its "
            "own --model-repository"
        )
    if out.exists() and not out.is_dir():
        raise ConfigError(f"DIR must be a folder, or nothing yet, and {out} is a file")


def _fill(folder: Path, layout: Layout, batching: Batching, graphs: tuple[Path, Path]) -> None:
    configs = {
        layout.encoder.name: configuration.graph(layout.encoder, batching),
        layout.decoder.name: configuration.graph(layout.decoder, batching),
        layout.reconstruct.name: configuration.ensemble(layout, batching),
    }
    for name, config in configs.items():
        (folder / name / VERSION).mkdir(parents=True)
        (folder / name / CONFIG).write_text(config, encoding="utf-8", newline="\n")
    for offered, graph in zip(layout, graphs, strict=False):
        shutil.copyfile(graph, folder / offered.name / VERSION / GRAPH)
    (folder / layout.reconstruct.name / VERSION / KEEP).touch()
