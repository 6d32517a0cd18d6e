"""Training loops without ours: the report's own, and one as a careful user of PyTorch writes it."""

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import ToTensor

from export.config import Config
from export.data import datasets, known
from export.networks.autoencoder import VAE
from export.networks.building import build
from export.recipes import MLP_RECIPES
from export.training.objective import kld


class _OneByOne(Dataset[tuple[Tensor, int]]):
    """The images to train on as torchvision gives them: each a picture, which becomes a tensor."""

    def __init__(self, data_dir: Path | None) -> None:
        self._half = known.read("fashion-mnist", datasets.folder(data_dir), "train")
        self._to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self._half.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self._to_tensor(Image.fromarray(self._half.images[index].numpy()))
        return image, int(self._half.labels[index])


def report_loader(data_dir: Path | None) -> DataLoader[tuple[Tensor, int]]:
    """The report's input: an image at a time through ToTensor, in batches of 128."""
    images = _OneByOne(data_dir)
    kept = range(len(images) - datasets.VALIDATION_IMAGES)  # as many as the report trained on
    return DataLoader(Subset(images, kept), batch_size=128, shuffle=True)


def report_epoch(
    loader: DataLoader[tuple[Tensor, int]], device: torch.device | str = "cpu"
) -> None:
    """One epoch of the report's VAE as it was trained there."""
    model, config = _model(device)
    optimizer = Adam(model.parameters(), lr=config.lr)
    logged = 0.0
    for images, _ in loader:
        loss = _loss(model, images.flatten(1).to(device))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        logged += loss.item()


def careful(x: Tensor, *, compiled: bool = False) -> Callable[[], None]:
    """The same training with the usual advice followed; each call is one more epoch.

    All images are one float32 tensor, of which a batch is an index; Adam is fused; no number is
    fetched from the device.

    Args:
        x: Images (N, pixels) float32 in [0, 1]; their device is trained on.
        compiled: Put model and loss through torch.compile, which happens in the first call.
    """
    model, config = _model(x.device)
    optimizer = Adam(model.parameters(), lr=config.lr, fused=True)
    loss_of: Callable[[VAE, Tensor], Tensor] = torch.compile(_loss) if compiled else _loss

    def epoch() -> None:
        order = torch.randperm(len(x), device=x.device)
        for rows in torch.split(order, config.batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model, x[rows]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    return epoch


def _model(device: torch.device | str) -> tuple[VAE, Config]:
    config = Config(**MLP_RECIPES["report"])
    model = build(config).to(device)
    assert isinstance(model, VAE)
    return model, config


def _loss(model: VAE, x: Tensor) -> Tensor:
    eps = torch.randn(len(x), 2, device=x.device)
    logits, mu, log_var = model(x, eps)
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    return recon + kld(mu, log_var).mean()
