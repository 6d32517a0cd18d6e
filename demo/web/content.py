"""What the site shows: models with their maps, and test images to choose from."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import vae_onnx
from demo.library.latent_map import COLOURS, NEIGHBOURS, PRIOR_RADIUS, LatentMap, read_latents
from demo.web.plane import Plane

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "tests" / "runtime" / "images.npz"  # the first images of the test sets

DATASETS = ("mnist", "fashion-mnist")
KINDS = ("vae", "ae")
EXAMPLES = {"mnist": 1, "fashion-mnist": 3}  # of each class; clothes are chosen, not drawn
EMOJI = "emoji-vae"
FEW_NEIGHBOURS = 10  # on the map of a test set of hundreds
FIRST = f"{DATASETS[0]}-{KINDS[0]}"  # what the page opens with
GRAPHS = ("encoder.int8.onnx", "decoder.int8.onnx")  # a quarter of the bytes of float32


def write_models(folder: Path) -> None:
    """Write the graphs of all models of the site, each with its map."""
    folder.mkdir()
    shutil.copy(Path(vae_onnx.__file__).parent / "models" / "drawing.onnx", folder)
    for name in (f"{dataset}-{kind}" for dataset in DATASETS for kind in KINDS):
        model = _copy(name, folder)
        for file in GRAPHS:
            shutil.copy(model.folder / file, folder / name)
        _write_map(folder / name, LatentMap.of(model))
    _write_plane(folder / EMOJI, _copy(EMOJI, folder))


def of_first_visit(path: str) -> bool:
    """Whether everybody fetches the file of the site at this path, and not who chooses it alone."""
    room, _, name = path.partition("/")
    if room == "models":
        shown = (*GRAPHS, "map.json", "latents.bin")
        return name in ("drawing.onnx", *(f"{FIRST}/{file}" for file in shown))
    if room == "examples":
        return name == f"{DATASETS[0]}.json"
    return room not in ("ort", "runtime.js", "vae.d.ts", "LICENSE", "NOTICE.txt", "LICENSES")


def _copy(name: str, folder: Path) -> vae_onnx.Autoencoder:
    model = vae_onnx.load(name)
    (folder / name).mkdir()
    for file in ("encoder.onnx", "decoder.onnx", "card.json"):
        shutil.copy(model.folder / file, folder / name)
    return model


def _write_map(folder: Path, latents: LatentMap, **more: Any) -> None:
    """Write map.json and latents.bin: z float32 (N, 2), then labels uint8 (N,)."""
    spots = {} if more else latents.name_spots()
    classes = [
        {
            "name": name,
            "colour": COLOURS[label % len(COLOURS)],
            "spot": spots[label].round(2).tolist() if label in spots else None,
        }
        for label, name in enumerate(latents.class_names)
    ]
    window = latents.window
    told = {
        "count": len(latents.z),
        "window": {"left": window.left, "bottom": window.bottom, "side": window.side},
        "ticks": window.ticks(),
        "classes": classes,
        "prior_radius": PRIOR_RADIUS,
        "neighbours": NEIGHBOURS,
    }
    write_json(folder / "map.json", told | more)
    numbers = latents.z.astype("<f4").tobytes() + latents.labels.tobytes()
    (folder / "latents.bin").write_bytes(numbers)


def _write_plane(folder: Path, model: vae_onnx.Autoencoder) -> None:
    """Write the map of codes of many dimensions, and the mean code of each class."""
    z, labels = read_latents(model.folder / "latents.npz")
    plane = Plane.of(z)
    means = [z[labels == label].mean(axis=0) for label in range(len(class_names(model)))]
    _write_map(
        folder,
        LatentMap(plane.project(z), labels, class_names(model)),
        neighbours=FEW_NEIGHBOURS,
        plane=plane.told(),
        class_means=[mean.round(5).tolist() for mean in means],
    )


def class_names(model: vae_onnx.Autoencoder) -> tuple[str, ...]:
    """Names of classes as people read them: food-and-drink is Food & drink."""
    names = json.loads(model.metadata["class_names"])
    plain = [name.replace("-and-", " & ").replace("-", " ") for name in names]
    return tuple(name[:1].upper() + name[1:] for name in plain)


def write_examples(folder: Path) -> None:
    """Write some test images of each data set, in the order of their classes; all emoji."""
    folder.mkdir()
    with np.load(IMAGES, allow_pickle=False) as archive:
        images = {name.replace("_", "-"): archive[name] for name in archive.files}
    for dataset in DATASETS:
        latents = LatentMap.of(vae_onnx.load(f"{dataset}-{KINDS[0]}"))
        labels = latents.labels[: len(images[dataset])]
        some = [np.flatnonzero(labels == label)[: EXAMPLES[dataset]] for label in range(10)]
        rows = np.concatenate(some)
        _write_images(
            folder / f"{dataset}.json", images[dataset][rows], labels[rows], latents.class_names
        )
    model = vae_onnx.load(EMOJI)
    labels = _labels_of(model, images["emoji"])
    _write_images(folder / "emoji.json", images["emoji"], labels, class_names(model))


def _labels_of(model: vae_onnx.Autoencoder, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The classes of some test images: those of the codes that are theirs."""
    z, labels = read_latents(model.folder / "latents.npz")
    distances = np.abs(model.encode(images)[:, np.newaxis] - z).max(axis=2)
    if distances.min(axis=1).max() > 0.01:
        raise ValueError(f"{IMAGES} must hold images of the test set of {model.folder}")
    found: NDArray[np.uint8] = labels[distances.argmin(axis=1)]
    return found


def _write_images(
    path: Path, images: NDArray[np.uint8], labels: NDArray[np.uint8], names: tuple[str, ...]
) -> None:
    """Write images (N, height, width) or (N, height, width, channels), the channels in planes."""
    planes = np.moveaxis(images.reshape(*images.shape[:3], -1), 3, 1)
    told = [
        {
            "name": names[label],
            "label": int(label),
            "pixels": base64.b64encode(image.tobytes()).decode("ascii"),
        }
        for image, label in zip(planes, labels, strict=True)
    ]
    write_json(path, {"shape": planes.shape[1:], "images": told})


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file in which every number is finite."""
    path.write_text(json.dumps(value, allow_nan=False) + "\n", encoding="utf-8")
