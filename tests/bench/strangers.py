"""Other people's models: torch beside what `vae_onnx.torch.export` makes of them.

python tests/bench/strangers.py --page docs/your-model.md fills the table there, and prints it. It
takes the group `foreign` and, for the trained ones, $VAE_ONNX_FOREIGN.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import torch
from packaging.requirements import Requirement
from torch import Tensor, nn
from tqdm import tqdm

sys.path.append(str(Path(__file__).parents[1] / "foreign"))

import nets

import vae_onnx
import vae_onnx.torch
from export import markdown
from vae_onnx.engine import threads
from vae_onnx.errors import ExportWarning

SECTION: Final = "strangers"
MANY: Final = 64  # pictures
FOREIGN: Final = os.environ.get("VAE_ONNX_FOREIGN", "")


class Model(NamedTuple):
    """A model, and how its own library is asked for the mean of a reconstruction."""

    build: Callable[[], tuple[Any, ...]]  # what `export` takes
    shape: tuple[int, int, int]  # of the pictures: channels, height, width
    encode: Callable[[Any, Tensor], Tensor]
    decode: Callable[[Any, Tensor], Tensor]
    options: Mapping[str, Any] = MappingProxyType({})


def report() -> tuple[nn.Module]:
    return (nets.Report(),)


def burgess(channels: int, name: str) -> tuple[nn.Module]:
    model = nets.Burgess(channels, large=channels == 3)
    return (vae_onnx.torch.load_weights(model, Path(FOREIGN) / f"disentangling-vae-{name}.pt"),)


def taef2() -> tuple[nn.Module, nn.Module]:
    encoder, decoder = nets.taef2_encoder(), nets.taef2_decoder()
    vae_onnx.torch.load_weights(encoder, Path(FOREIGN) / "taef2_encoder.pth")
    vae_onnx.torch.load_weights(decoder, Path(FOREIGN) / "taef2_decoder.pth")
    return encoder, decoder


def pythae(name: str, convolutions: bool = False) -> tuple[nn.Module]:
    from pythae import models
    from pythae.models.nn.benchmarks import mnist

    config = getattr(models, f"{name}_Config" if name == "WAE_MMD" else f"{name}Config")(
        input_dim=(1, 28, 28), latent_dim=16
    )
    kind = "VAE" if name in ("VAE", "IWAE") else "AE"
    parts = {
        "encoder": getattr(mnist, f"Encoder_Conv_{kind}_MNIST")(config),
        "decoder": mnist.Decoder_Conv_AE_MNIST(config),
    }
    return (getattr(models, name)(config, **(parts if convolutions else {})),)


def kl() -> tuple[nn.Module]:
    import diffusers

    sizes = (32, 64)
    return (
        diffusers.AutoencoderKL(
            block_out_channels=sizes,
            down_block_types=("DownEncoderBlock2D",) * len(sizes),
            up_block_types=("UpDecoderBlock2D",) * len(sizes),
        ),
    )


def tiny() -> tuple[nn.Module]:
    import diffusers

    return (diffusers.AutoencoderTiny(),)


def first(result: Any) -> Tensor:
    return result[0] if isinstance(result, tuple) else result


def methods(flat: bool = False) -> dict[str, Any]:
    return {
        "encode": lambda model, x: first(model.encode(x.flatten(1) if flat else x)),
        "decode": lambda model, z: model.decode(z),
    }


MODULES: Final = {
    "encode": lambda model, x: first(model.encoder(x)),
    "decode": lambda model, z: model.decoder(z),
}
PYTHAE: Final = {
    "encode": lambda model, x: model.encoder(x).embedding,
    "decode": lambda model, z: model.decoder(z).reconstruction,
}
KL: Final = {
    "encode": lambda model, x: model.encode(x).latent_dist.mean,
    "decode": lambda model, z: model.decode(z).sample,
}
TINY: Final = {
    "encode": lambda model, x: model.encode(x).latents,
    "decode": lambda model, z: model.decode(z).sample,
}
TAEF2: Final = {
    "encode": lambda model, x: model[0](x),
    "decode": lambda model, z: model[1](z),
}
ANY_SIZE: Final = {"pixel_range": (-1, 1), "dynamic_size": True}
DIGITS: Final = (1, 28, 28)

TRAINED: Final = {
    "Burgess VAE, MNIST": Model(lambda: burgess(1, "mnist"), (1, 32, 32), **MODULES),
    "Burgess VAE, CelebA": Model(lambda: burgess(3, "celeba"), (3, 64, 64), **MODULES),
    "TAEF2": Model(taef2, (3, 64, 64), **TAEF2, options={"dynamic_size": True}),
}
MODELS: Final = {
    "the report's class": Model(report, DIGITS, **methods(flat=True)),
    **(TRAINED if FOREIGN else {}),
    "pythae VAE": Model(lambda: pythae("VAE"), DIGITS, **PYTHAE),
    "pythae AE": Model(lambda: pythae("AE"), DIGITS, **PYTHAE),
    "pythae WAE_MMD, convolutions": Model(lambda: pythae("WAE_MMD", True), DIGITS, **PYTHAE),
    "pythae IWAE, convolutions": Model(lambda: pythae("IWAE", True), DIGITS, **PYTHAE),
    "diffusers AutoencoderKL, small": Model(kl, (3, 64, 64), **KL, options=ANY_SIZE),
    "diffusers AutoencoderTiny": Model(tiny, (3, 64, 64), **TINY, options=ANY_SIZE),
}

# Each prints the median seconds of one and of many pictures, and the most memory that it has had.
TELL: Final = """
def median(call):
    call()
    times = [call()]
    while len(times) < 30 and sum(times) < 1:
        times.append(call())
    return statistics.median(times)
def timed(work, x):
    start = time.perf_counter()
    work(x)
    return time.perf_counter() - start
seconds = [median(lambda: timed(reconstruct, some)) for some in (x[:1], x)]
most = open("/proc/self/status").read().partition("VmHWM:")[2].split()[0]
print(json.dumps([*seconds, int(most) / 1024]))
"""
START: Final = """
import json, statistics, sys, time
import numpy as np
x = np.random.default_rng(0).random(({many}, *{shape}), np.float32)
"""
OURS: Final = """
import vae_onnx
model = vae_onnx.load({folder!r}, threads={threads})
reconstruct = model.reconstruct
"""
TORCH: Final = """
sys.path.insert(0, {here!r})
import torch
import strangers
torch.set_num_threads({threads})
model, parts = strangers.MODELS[{name!r}], strangers.MODELS[{name!r}].build()
whole = parts[0].eval() if len(parts) == 1 else [part.eval() for part in parts]
@torch.inference_mode()
def reconstruct(x):
    return model.decode(whole, model.encode(whole, torch.from_numpy(x))).numpy()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, help="Markdown file whose table to fill")
    page = parser.parse_args().page
    if page:
        markdown.fill(page, SECTION)
    text = section()
    if page:
        markdown.fill(page, SECTION, text)
    print(text)


def section() -> str:
    with tempfile.TemporaryDirectory() as place:
        rows = [row(name, Path(place) / "m") for name in tqdm(MODELS, disable=None)]
    header = [
        "model", "parameters", "code", "pictures", "files", "tolerance",
        "one: torch", "vae_onnx", f"{MANY}: torch", "vae_onnx", "memory: torch", "vae_onnx",
    ]  # fmt: skip
    runtime, library = (
        installed(*names) for names in (("numpy", "onnxruntime"), ("torch", "numpy"))
    )
    return f"""{markdown.table(header, rows)}

Encode and decode, in ms, on {threads.available()} threads each; medians within a process of each.
Memory is the most that this process had, in MiB, its imports included. On disk the runtime and what
it needs take {runtime:,.0f} MB, torch {torch.__version__} and what it needs
{library:,.0f} MB, without the libraries of the models."""


def row(name: str, folder: Path) -> list[str]:
    model, told = MODELS[name], export(name, folder)
    torch_figures, ours = compare(name, folder)
    size = sum((folder / f"{part}.onnx").stat().st_size for part in ("encoder", "decoder"))
    pictures = "x".join(map(str, model.shape))
    code = "x".join(map(str, code_of(folder, model.shape)))
    times = [
        f"{1000 * figure:,.1f}"
        for pair in zip(torch_figures[:2], ours[:2], strict=True)
        for figure in pair
    ]
    memory = [f"{figures[2]:,.0f}" for figures in (torch_figures, ours)]
    return [
        name, f"{told['parameters']:,}", code, pictures, f"{size / 1e6:.1f} MB",
        f"{told['measured']['tolerance']:.0e}", *times, *memory,
    ]  # fmt: skip


def export(name: str, folder: Path) -> dict[str, Any]:
    """Make the folder of a model; most have random weights and so reconstruct nothing."""
    torch.manual_seed(0)
    channels, height, width = MODELS[name].shape
    pictures = np.random.default_rng(0).random((4, height, width, channels), np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExportWarning)
        vae_onnx.torch.export(
            folder,
            *MODELS[name].build(),
            pictures,
            **MODELS[name].options,
            strict=False,
            overwrite=True,
            progress=False,
        )
    told: dict[str, Any] = json.loads((folder / "card.json").read_text())
    return told


def code_of(folder: Path, shape: tuple[int, int, int]) -> tuple[int, ...]:
    x = np.zeros((1, *shape), np.float32)
    with vae_onnx.load(folder) as model:
        return model.encode(x).shape[1:]


def compare(name: str, folder: Path) -> tuple[list[float], list[float]]:
    """Return seconds for one and many, and mebibytes: of torch, and of ours."""
    values = {
        "name": name,
        "folder": str(folder),
        "shape": MODELS[name].shape,
        "threads": threads.available(),
        "here": str(Path(__file__).parent),
        "many": MANY,
    }
    theirs, ours = (run((START + code).format(**values) + TELL) for code in (TORCH, OURS))
    return theirs, ours


def run(code: str) -> list[float]:
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def installed(*names: str) -> float:
    """Return how many MB packages and all that they need take on disk."""
    found: dict[str, float] = {}
    todo = list(names)
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # of another system
            continue
        files = [Path(package.locate_file(file)) for file in package.files or ()]
        found[name] = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
        needed = map(Requirement, package.requires or ())
        todo += [
            one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return sum(found.values())


if __name__ == "__main__":
    main()
