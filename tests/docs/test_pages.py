"""The pages do what they show: their lines are run in a folder that has what they name."""

import ast
import contextlib
import functools
import io
import shlex
import shutil
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from PIL import Image

import vae_onnx
import vae_onnx.__main__
from export.report.page import FIGURES

from . import commands, elsewhere
from .blocks import ROOT, Block, blocks, commands_of, pages

HERE = [one for one in blocks() if not elsewhere.is_listed(one)]
# Commands of the runtime that are only parsed here, by a word in them, and who runs such.
PARSED = {
    "serve": "tests/serving",
    "doctor": "tests/runtime/doctor",
    "s3://": "tests/runtime/bulk/test_remote.py, in another file system",
    "--engine ray": "tests/foreign/test_ray.py, on a cluster",
    "hf://owner/faces": "tests/runtime/store/test_hub.py",
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages take for granted."""
    monkeypatch.chdir(tmp_path)
    with np.load(ROOT / "tests" / "runtime" / "images.npz") as images:
        digits, emoji = images["mnist"], images["emoji"]
    model = vae_onnx.load("emoji-vae")
    for name in ("mine", "faces"):
        model.save(Path("models", name))
    Path("photos").mkdir()
    for name, picture in zip(NAMES, emoji, strict=False):
        Image.fromarray(picture).resize((40, 48)).save(Path("photos", name))
    for name in ("photo.jpg", "a.png", "b.png"):
        Image.fromarray(emoji[0]).resize((40, 48)).save(name)
    for name in ("drawing.png", "digit.png"):
        Image.fromarray(255 - digits[0]).save(name)
    np.save("digits.npy", digits)
    write_idx(Path("data", "MNIST", "raw", "t10k-images-idx3-ubyte"), digits[:6])
    write_parquet(Path("train.parquet"), digits[:20])
    return tmp_path


NAMES = ["1f34e.png", *(f"img_{i:04}.png" for i in range(11))]


def write_idx(path: Path, images: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack(">4I", 0x803, *images.shape) + images.tobytes())


def write_parquet(path: Path, images: NDArray[np.uint8]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = [io.BytesIO() for _ in images]
    for file, image in zip(files, images, strict=True):
        Image.fromarray(image).save(file, "PNG")
    pq.write_table(pa.table({"image": [{"bytes": file.getvalue()} for file in files]}), path)


@pytest.mark.filterwarnings("ignore::vae_onnx.ExportWarning")
@pytest.mark.parametrize("page", sorted({one.page for one in HERE}))
def test_a_page_does_what_it_shows(page: str, place: Path, request: pytest.FixtureRequest) -> None:
    names: dict[str, Any] = {"vae_onnx": vae_onnx, "np": np}
    if page in GIVEN:
        names |= GIVEN[page](request)
    for block in (one for one in HERE if one.page == page):
        RUN[block.language](block, names)


def test_the_first_picture_is_the_one_that_is_shown(place: Path) -> None:
    (code,) = (one for one in HERE if one.page == "docs/index.md" and "tile(digits)" in one.text)
    run_python(code, {})
    shown = Image.open(ROOT / "docs" / "figures" / "digits.png")
    np.testing.assert_allclose(np.asarray(Image.open("digits.png"), int), shown, atol=1)


def test_every_picture_is_shown_and_there_is_a_command_for_it() -> None:
    makefile = ROOT.joinpath("Makefile").read_text(encoding="utf-8")
    shown = "".join(path.read_text(encoding="utf-8") for path in pages())
    pictures = [path for path in ROOT.glob("docs/**/*.png") if "theme" not in path.parts]
    assert len(pictures) > 20
    for picture in pictures:
        place = picture.relative_to(ROOT).as_posix()
        assert f"({place.removeprefix('docs/')})" in shown, place
        assert picture.name in FIGURES or place in makefile, place


def run_python(block: Block, names: dict[str, Any]) -> None:
    """One statement after the other; of devices that this machine lacks, each is refused."""
    lacking = [vae_onnx.DeviceError] if block.page == "docs/devices.md" else []
    output = io.StringIO()
    for statement in ast.parse(block.text).body:
        code = compile(ast.Module([statement], []), str(block), "exec")
        with contextlib.redirect_stdout(output), contextlib.suppress(*lacking):
            exec(code, names)
    names["printed"] = output.getvalue()


def run_text(block: Block, names: dict[str, Any]) -> None:
    """What stands below a block of Python is what it prints."""
    assert names["printed"] == block.text


def run_shell(block: Block, names: dict[str, Any]) -> None:
    """Our programs are asked whether they take it; what the runtime does, is done."""
    for command in commands_of(block):
        commands.check(command)
        program, *arguments = shlex.split(command)
        if program == "vae-onnx" and not any(word in command for word in PARSED):
            assert vae_onnx.__main__.main([*found(arguments)]) == 0, command


def found(arguments: list[str]) -> Iterator[str]:
    """The arguments with the files that a pattern among them finds, as shells have it."""
    for one in arguments:
        yield from sorted(map(str, Path().glob(one))) if "*" in one else [one]


def run_yaml(block: Block, names: dict[str, Any]) -> None:
    """For a cluster, which is not here: it is read, and the commands in it are taken."""
    told = [one for document in yaml.safe_load_all(block.text) for one in commands_in(document)]
    assert told, f"{block} starts nothing of ours"
    for command in told:
        commands.check(command)


def commands_in(told: object) -> Iterator[str]:
    """The entry points and commands in what a cluster is asked for."""
    if isinstance(told, dict):
        for name, value in told.items():
            if name in ("entrypoint", "command"):
                yield value if isinstance(value, str) else shlex.join(value)
            else:
                yield from commands_in(value)
    elif isinstance(told, list):
        for value in told:
            yield from commands_in(value)


RUN = {"python": run_python, "text": run_text, "sh": run_shell, "yaml": run_yaml}


def given_images(_: pytest.FixtureRequest) -> dict[str, Any]:
    return {"images": np.load("digits.npy")[:2], "model": vae_onnx.load("mnist-vae")}


def given_codes(_: pytest.FixtureRequest) -> dict[str, Any]:
    from vae_onnx import bulk

    bulk.embed("photos", "codes", "models/mine", fit="crop")
    return given_pictures(_)


def given_pictures(_: pytest.FixtureRequest) -> dict[str, Any]:
    with np.load(ROOT / "tests" / "runtime" / "images.npz") as images:
        return {"pictures": images["emoji"]}


def given_network(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A network that has learned nothing: it is written all the same."""
    import torch
    from torch import nn

    import vae_onnx.torch

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mu, self.log_var, self.x = (nn.Linear(*n) for n in ((784, 2), (784, 2), (2, 784)))

        def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.mu(x.flatten(1)), self.log_var(x.flatten(1))

        def decode(self, z: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.x(z)).unflatten(1, (1, 28, 28))

    torch.manual_seed(0)
    patch = request.getfixturevalue("monkeypatch")
    export = functools.partial(vae_onnx.torch.export, strict=False, overwrite=True)
    patch.setattr(vae_onnx.torch, "export", export)
    return {"vae": Network(), "pictures": np.load("digits.npy")[:8]}


def given_hub(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A repository of the Hub, with a tag and with a folder; no model here yet."""
    shutil.rmtree("models")
    files = {path.name: path.read_bytes() for path in vae_onnx.load("mnist-vae").folder.iterdir()}
    files |= {f"mnist-8d/{name}": content for name, content in files.items()}
    repository = request.getfixturevalue("hub").add("owner/repo", files)
    repository.commit(files, "v1.0")
    return given_images(request)


GIVEN = {
    "README.md": given_codes,
    "docs/index.md": given_network,
    "docs/models.md": given_hub,
    "docs/nearest.md": given_codes,
    "docs/precision.md": given_pictures,
}
