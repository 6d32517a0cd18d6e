"""Other people's models on every host: each reconstructs as torch does."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import vae_onnx
import vae_onnx.torch

from . import nets
from .hosts import Reconstruct, in_openvino

Case = tuple[Path, list[np.ndarray], Callable[[torch.Tensor], torch.Tensor]]


@pytest.fixture(scope="module")
def cases(
    tmp_path_factory: pytest.TempPathFactory,
    foreign: Path,
    photographs: Callable[[int], np.ndarray],
) -> dict[str, Case]:
    """Model folder, batches x (N, C, H, W) to try, and what torch makes of one; by name."""
    root = tmp_path_factory.mktemp("models")
    small, wide = photographs(64), photographs(128)[:2, :40, :72]
    alpha = np.concatenate([small, small[:, ::-1, :, :1]], axis=3)
    components, rgba = (nets.Principal(torch.from_numpy(nchw(x)), 6) for x in (small, alpha))
    shuffle = nets.Shuffle()
    faces = nets.Burgess(3, large=True)
    vae_onnx.torch.load_weights(faces, foreign / "disentangling-vae-celeba.pt")
    taef2 = nets.taef2_encoder(), nets.taef2_decoder()
    for part, name in zip(taef2, ("encoder", "decoder"), strict=True):
        vae_onnx.torch.load_weights(part, foreign / f"taef2_{name}.pth")

    def exported(name: str, model: tuple, pictures: np.ndarray, *sizes, **options) -> Case:
        folder = vae_onnx.torch.export(root / name, *model, pictures, **options)
        encode, decode = model if len(model) == 2 else (model[0].encode, model[0].decode)
        batches = [nchw(x) for x in (pictures[:1], pictures[:3], *sizes)]
        return folder, batches, lambda x: decode(first(encode(x))).clamp(0, 1)

    return {
        "components": exported("components", (components,), small),
        "rgba": exported("rgba", (rgba,), alpha),
        "shuffle": exported("shuffle", (shuffle,), small, wide, dynamic_size=True),
        "faces": exported("faces", (faces.encoder, faces.decoder), small, likelihood="bernoulli"),
        "taef2": exported("taef2", taef2, small[::3], wide, dynamic_size=True),
    }


def nchw(pictures: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)) / np.float32(255)


def first(codes: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    return codes[0] if isinstance(codes, tuple) else codes


def in_python(folder: Path, x: np.ndarray) -> np.ndarray:
    return vae_onnx.load(folder).reconstruct(x).transpose(0, 3, 1, 2)


@pytest.fixture(params=["python", "openvino", "node", "chromium"])
def reconstruct(request: pytest.FixtureRequest) -> Reconstruct:
    ours = {"python": in_python, "openvino": in_openvino}
    return ours.get(request.param) or request.getfixturevalue(f"in_{request.param}")


@pytest.mark.parametrize("name", ["components", "rgba", "shuffle", "faces", "taef2"])
def test_every_host_is_equal_to_torch(
    name: str, cases: dict[str, Case], reconstruct: Reconstruct
) -> None:
    folder, batches, in_torch = cases[name]
    for x in batches:
        with torch.no_grad():
            expected = in_torch(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(reconstruct(folder, x), expected, rtol=0, atol=1e-4)
