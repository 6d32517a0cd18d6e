"""One step of training: what it sees, its loss, and its gradients from a recording on a GPU."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from export.training.objective import Objective

WARM_UPS: Final = 3  # runs before one is recorded, in which libraries set themselves up


class Batch(NamedTuple):
    """Images and the noise of one step."""

    x: Tensor  # (N, pixels)
    x_in: Tensor  # (N, pixels), what the encoder sees of them
    eps: Tensor  # (k, N, *latent_shape)


class Step(nn.Module):
    """The loss of a step: of images, and for the encoder alone of the same ones moved."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.objective = objective

    def forward(
        self, batch: Batch, moved: Batch | None, kl_weight: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss to descend on and, for the log, loss and terms of the images alone."""
        loss, terms = self.objective(*batch, kl_weight)
        logged = {"loss": loss.detach(), **terms}
        if moved is not None:
            loss = loss + self.objective(*moved, kl_weight, frozen_decoder=True)[0]
        return loss, logged


class Recorded:
    """A step with its gradients as a CUDA graph, recorded once for each number of images.

    Kernels this small take longer to launch one after another than to run; a recording is launched
    as a whole. The weights must stay where they are, and be changed in place; those that require no
    gradient when this is made get none.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._weights = [weights for weights in step.parameters() if weights.requires_grad]
        self._recordings: dict[int, _Recording] = {}

    def __call__(self, batch: Batch, moved: Batch | None, kl_weight: Tensor) -> dict[str, Tensor]:
        """Give the weights their gradients and return the losses: the next call overwrites both."""
        inputs = [*batch, *(moved or ()), kl_weight]
        images = len(batch.x)
        if images not in self._recordings:
            with torch.cuda.device(batch.x.device):
                self._recordings[images] = self._record([given.clone() for given in inputs])
        recording = self._recordings[images]
        for held, given in zip(recording.inputs, inputs, strict=True):
            held.copy_(given)
        recording.graph.replay()
        for weights, gradient in zip(self._weights, recording.gradients, strict=True):
            weights.grad = gradient
        return recording.logged

    def _record(self, inputs: list[Tensor]) -> "_Recording":
        """Record the step on these very inputs."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        now = torch.cuda.current_stream()
        stream.wait_stream(now)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                self._run(inputs)
        now.wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            gradients, logged = self._run(inputs)
        return _Recording(graph, inputs, gradients, logged)

    def _run(self, inputs: Sequence[Tensor]) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
        images, moved = inputs[:3], inputs[3:-1]
        loss, logged = self._step(Batch(*images), Batch(*moved) if moved else None, inputs[-1])
        return torch.autograd.grad(loss, self._weights), logged


class _Recording(NamedTuple):
    """A CUDA graph, and the tensors that it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: list[Tensor]
    gradients: tuple[Tensor, ...]
    logged: dict[str, Tensor]
