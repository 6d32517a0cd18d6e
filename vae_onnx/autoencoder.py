"""A trained VAE or AE, run from its encoder graph and its decoder graph."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from vae_onnx import checks, latent, stream
from vae_onnx import threads as workers
from vae_onnx.device import Device, Provider, pick
from vae_onnx.errors import FileMissingError, GraphError, InputError, InputTypeError, accessing
from vae_onnx.graph import Array, Graph
from vae_onnx.images import Shape, as_batch, from_x, scale
from vae_onnx.ortvalues import to_ortvalue

MODELS = Path(__file__).parent / "models"
HUB = "hf://"  # begins the reference of a model on the Hugging Face Hub
IDENTITY = ("name", "fingerprint")  # metadata that all graphs of one model have in common

Kind = Literal["vae", "ae"]
FLOAT32: Final = np.dtype(np.float32)
SIDE: Final = 10_000  # of a grid: a hundred million pictures
Precision = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class Posterior:
    """The encoder's Gaussian q(z | x), one row per image (Kingma & Welling 2014)."""

    mu: Array  # (N, latent_dim) mean
    log_var: Array  # (N, latent_dim) natural log of the variance

    def sample(self, rng: np.random.Generator) -> Array:
        """Draw one z (N, latent_dim) per image: mu + sigma * eps."""
        eps = checks.generator(rng).standard_normal(self.mu.shape, dtype=np.float32)
        sigma: Array = np.exp(0.5 * self.log_var)
        return self.mu + sigma * eps


class Encoder:
    """`encoder.onnx` alone: images -> z, or for a VAE -> q(z | x).

    Args:
        path: The file.
        device: What to run on: a name, or what `vae_onnx.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are.

    Attributes:
        graph: The file, opened.
        kind: "vae" or "ae", read off the outputs of the graph.
        latent_dim: Numbers per image in the latent space.
        image_shape: (channels, height, width).
        metadata: What the graph says of itself.

    Raises:
        FileMissingError: There is no such file.
        GraphError: The file is truncated, not ONNX, or not an encoder.
        DeviceError: The device cannot be had, or does not run the graph.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        device: str | Device = "auto",
        threads: int | None = None,
    ) -> None:
        self.graph = graph = Graph(path, pick(device), threads)
        graph.expect({"x"}, {"mu", "log_var"}, {"z"})
        self.kind: Kind = "ae" if "z" in graph.outputs else "vae"
        channels, height, width = graph.expect_port(graph.inputs["x"], rank=4)
        self.image_shape: Shape = (channels, height, width)
        latent_dims = {graph.expect_port(port, rank=2) for port in graph.outputs.values()}
        if len(latent_dims) > 1:
            raise GraphError(f"{path}: mu and log_var differ in shape: {sorted(latent_dims)}")
        ((self.latent_dim,),) = latent_dims
        self.metadata = graph.metadata

    def encode(self, images: npt.ArrayLike) -> Array:
        """Return z (N, latent_dim): the AE's code, or the mean of the VAE's q(z | x).

        Args:
            images: uint8 in [0, 255] or float in [0, 1]; see `vae_onnx.images.to_x`.

        Raises:
            InputTypeError: The dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, or no image.
        """
        return self._run(images)["z" if self.kind == "ae" else "mu"]

    def posterior(self, images: npt.ArrayLike) -> Posterior:
        """Return the VAE's q(z | x); images as in `encode`.

        Raises:
            InputTypeError: The model is an AE, or the dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, or no image.
        """
        if self.kind == "ae":
            raise InputTypeError("an AE has no posterior: its code is a point; use encode()")
        return Posterior(**self._run(images))

    def _run(self, images: npt.ArrayLike) -> dict[str, Array]:
        outputs = self.graph.batched(as_batch(images, self.image_shape), scale)
        return dict(zip(self.graph.outputs, outputs, strict=True))


class Decoder:
    """`decoder.onnx` alone: z -> pictures.

    Args:
        path: The file.
        device: What to run on: a name, or what `vae_onnx.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are.

    Attributes:
        graph: The file, opened.
        latent_dim: Numbers per picture in the latent space.
        image_shape: (channels, height, width).
        metadata: What the graph says of itself.

    Raises:
        FileMissingError: There is no such file.
        GraphError: The file is truncated, not ONNX, or not a decoder.
        DeviceError: The device cannot be had, or does not run the graph.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        device: str | Device = "auto",
        threads: int | None = None,
    ) -> None:
        self.graph = graph = Graph(path, pick(device), threads)
        graph.expect({"z"}, {"x_recon"})
        (self.latent_dim,) = graph.expect_port(graph.inputs["z"], rank=2)
        channels, height, width = graph.expect_port(graph.outputs["x_recon"], rank=4)
        self.image_shape: Shape = (channels, height, width)
        self.metadata = graph.metadata

    def decode(self, z: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the pictures that stand at z: the means of p(x | z), in [0, 1].

        Args:
            z: (N, latent_dim), or (latent_dim,) for one picture; finite numbers.
            out: Where to write them: C-contiguous float32 of the shape that is returned.

        Returns:
            (N, height, width) float32, or (N, height, width, 3) for a colour model.

        Raises:
            InputTypeError: z does not hold real numbers, or `out` is no float32 array.
            InputError: Wrong shape, NaN or infinity, or no row; or `out` cannot be written to.
        """
        rows = self.as_rows(z)
        if out is None:
            (x_recon,) = self.graph.batched(rows, np.asarray)
            return from_x(x_recon)
        channels, height, width = self.image_shape
        pictures = (height, width) if channels == 1 else (height, width, channels)
        _check_out(out, (len(rows), *pictures))
        if channels > 1:  # the graph has the channels first
            np.copyto(out, self.decode(rows))
        else:
            self.graph.batched(rows, np.asarray, [out.reshape(len(rows), *self.image_shape)])
        return out

    def as_rows(self, z: npt.ArrayLike) -> Array:
        """Return z as what the graph takes, (N, latent_dim) float32; errors as in `decode`."""
        array = z if type(z) is np.ndarray else checks.array(z, "the rows of z")
        if array.dtype.kind not in "fiu":
            raise InputTypeError(f"z must hold real numbers, got {array.dtype}")
        rows = array[np.newaxis] if array.ndim == 1 else array
        if rows.ndim != 2 or rows.shape[0] == 0 or rows.shape[1] != self.latent_dim:
            raise InputError(
                f"z must have shape (N, {self.latent_dim}) with N >= 1, got {array.shape}"
            )
        if rows.dtype != FLOAT32 or not rows.flags.c_contiguous:
            with np.errstate(over="ignore"):
                rows = np.ascontiguousarray(rows, dtype=np.float32)
        # The sum of squares is quick to have; of finite numbers it may yet be infinite.
        if not math.isfinite(np.vdot(rows, rows)) and not np.isfinite(rows).all():
            raise InputError("z must be finite in float32, got NaN or infinity")
        return rows


class Autoencoder:
    """A trained VAE or AE: an encoder and a decoder that belong together.

    Safe to call from several threads at once and, on the CPU, in a process forked while no call was
    under way: a lock of onnxruntime that a thread holds at that moment is never released there. It
    may be used in a `with` statement, at whose end it is closed.

    Args:
        folder: Where `encoder.onnx` and `decoder.onnx` are.
        device: What to run on: a name, or what `vae_onnx.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are: the
            cores of the process, or fewer if its cgroup has a quota.
        precision: Which of the model's variants to run: "int8" is `encoder.int8.onnx` and so on.

    Attributes:
        encoder: The encoder alone.
        decoder: The decoder alone.
        kind: "vae" or "ae".
        latent_dim: Numbers per image in the latent space.
        image_shape: (channels, height, width).
        metadata: What both graphs say of themselves.
        folder: Where `load` found the model.
        precision: Which variant it is.

    Raises:
        FileMissingError: The folder lacks `encoder.onnx` or `decoder.onnx`, or the variant.
        GraphError: A file is no such graph, or the two do not belong together.
        DeviceError: The device cannot be had, or does not run the graphs.
        InputError: There is no such precision.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        device: str | Device = "auto",
        threads: int | None = None,
        precision: Precision = "float32",
    ) -> None:
        self.folder = checks.path(folder, "folder")
        self.precision = _check_precision(precision)
        chosen, threads = pick(device), workers.check(threads)
        encoder, decoder = (self._file(part) for part in ("encoder", "decoder"))
        self.encoder = Encoder(encoder, device=chosen, threads=threads)
        self.decoder = Decoder(decoder, device=chosen, threads=threads)
        self._check_pair()
        self.kind = self.encoder.kind
        self.latent_dim = self.encoder.latent_dim
        self.image_shape = self.encoder.image_shape
        ours, theirs = self.encoder.metadata, self.decoder.metadata
        self.metadata: Mapping[str, str] = MappingProxyType(
            {key: value for key, value in ours.items() if theirs.get(key) == value}
        )

    @property
    def device(self) -> str:
        """The name of the device that it runs on."""
        return self.decoder.graph.device.name

    @property
    def placement(self) -> dict[str, dict[str, str]]:
        """Which execution provider runs each node, by onnxruntime's own record.

        "encoder" and "decoder" -> name of a node -> name of a provider.
        """
        return {"encoder": self.encoder.graph.placement, "decoder": self.decoder.graph.placement}

    def close(self) -> None:
        """Let go of both graphs and their memory; later calls raise ClosedError."""
        self.encoder.graph.close()
        self.decoder.graph.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"<{self.metadata.get('name', self.folder)}: {self.kind}, "
            f"latent_dim {self.latent_dim}, image_shape {self.image_shape}>"
        )

    def encode(self, images: npt.ArrayLike) -> Array:
        """Return z (N, latent_dim); see `Encoder.encode`."""
        return self.encoder.encode(images)

    def posterior(self, images: npt.ArrayLike) -> Posterior:
        """Return the VAE's q(z | x); see `Encoder.posterior`."""
        return self.encoder.posterior(images)

    def decode(self, z: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the pictures (N, height, width) at z (N, latent_dim); see `Decoder.decode`."""
        return self.decoder.decode(z, out)

    def encode_iter(
        self,
        images: npt.ArrayLike | Iterable[npt.ArrayLike],
        rows: int = stream.ROWS,
        *,
        progress: bool = False,
    ) -> Iterator[Array]:
        """Encode more images than fit into memory, block by block.

        Args:
            images: A memory map (`np.load(path, mmap_mode="r")`) or array as in `encode`; or an
                iterable whose items are single images or batches, of any sizes.
            rows: Most images that are encoded and given out at once.
            progress: Show on the terminal how far it has come.

        Yields:
            z (up to `rows`, latent_dim), in the order of the images.

        Raises:
            InputTypeError: A dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, no image, or `rows` is below 1.
        """
        name = "encoded" if progress else None
        blocks = stream.blocks(
            images, lambda some: as_batch(some, self.image_shape), rows=rows, name=name
        )
        return map(self.encode, blocks)

    def decode_iter(
        self,
        z: npt.ArrayLike | Iterable[npt.ArrayLike],
        rows: int = stream.ROWS,
        *,
        progress: bool = False,
    ) -> Iterator[Array]:
        """Decode more z than their pictures fit into memory, block by block.

        Args:
            z: (N, latent_dim), a memory map too; or an iterable of single z or batches of them.
            rows: Most pictures that are given out at once.
            progress: Show on the terminal how far it has come.

        Yields:
            Pictures (up to `rows`, height, width), in the order of z.

        Raises:
            InputTypeError: z does not hold real numbers.
            InputError: Wrong shape, NaN or infinity, or no row; or `rows` is below 1.
        """
        name = "decoded" if progress else None
        return map(self.decode, stream.blocks(z, self.decoder.as_rows, rows=rows, name=name))

    def encode_ortvalue(self, x: Any) -> ort.OrtValue:
        """Encode a batch where it lies, on a GPU for example, and leave the result there.

        Args:
            x: What the graph takes, (N, channels, height, width) float32 in [0, 1], contiguous: an
                `onnxruntime.OrtValue`, or what has `__dlpack__`: a tensor of PyTorch or CuPy, or a
                numpy array. The values are not looked at.

        Returns:
            z (N, latent_dim) as in `encode`; `torch.from_dlpack` and its like take it uncopied.

        Raises:
            InputTypeError: x is none of these, or not float32.
            InputError: Wrong shape, not contiguous, or on a device where the model runs on the CPU.
        """
        (z, *_) = self.encoder.graph.on_device(to_ortvalue(x, "x", self.image_shape))
        return z

    def decode_ortvalue(self, z: Any) -> ort.OrtValue:
        """Decode a batch where it lies, on a GPU for example, and leave the result there.

        Args:
            z: (N, latent_dim) float32, contiguous, otherwise as in `encode_ortvalue`.

        Returns:
            x_recon as the graph gives it, (N, channels, height, width) float32 in [0, 1].

        Raises:
            InputTypeError: z is none of these, or not float32.
            InputError: Wrong shape, not contiguous, or on a device where the model runs on the CPU.
        """
        (x_recon,) = self.decoder.graph.on_device(to_ortvalue(z, "z", (self.latent_dim,)))
        return x_recon

    def reconstruct(self, images: npt.ArrayLike, rng: np.random.Generator | None = None) -> Array:
        """Encode and decode.

        Args:
            images: uint8 in [0, 255] or float in [0, 1]; see `vae_onnx.images.to_x`.
            rng: Given, z is drawn from the VAE's posterior; without, z is its mean.

        Returns:
            (N, height, width) float32 in [0, 1], or (N, height, width, 3) for a colour model.

        Raises:
            InputTypeError: Wrong dtype, or an `rng` for an AE, which draws nothing.
            InputError: Wrong shape or range, NaN, or no image.
        """
        z = self.encode(images) if rng is None else self.posterior(images).sample(rng)
        return self.decode(z)

    def sample(self, n: int, rng: np.random.Generator) -> Array:
        """Decode n draws of z ~ N(0, I).

        For a VAE these are draws from the model, each the mean of p(x | z). An AE was never
        asked to fill the prior: there the pictures show what lies at those places, no more.

        Args:
            n: How many, at least 1.
            rng: Source of the draws, `np.random.default_rng(seed)`.

        Returns:
            (n, height, width) float32 in [0, 1], or (n, height, width, 3) for a colour model.

        Raises:
            InputTypeError: n is no integer or `rng` no generator.
            InputError: n is below 1.
        """
        shape = (checks.integer(n, "n", at_least=1), self.latent_dim)
        return self.decode(checks.generator(rng).standard_normal(shape, dtype=np.float32))

    def interpolate(self, a: npt.ArrayLike, b: npt.ArrayLike, steps: int) -> Array:
        """Decode the straight line in the latent space from image a to image b.

        Args:
            a: One image, as in `encode`.
            b: One image.
            steps: How many pictures, at least 2: the first reconstructs a, the last b.

        Returns:
            (steps, height, width) float32 in [0, 1], or (steps, height, width, 3).

        Raises:
            InputTypeError: Wrong dtype of an image or of `steps`.
            InputError: `steps` is below 2, or a or b is not exactly one valid image.
        """
        steps = checks.integer(steps, "steps", at_least=2)
        z_a, z_b = self.encode(a), self.encode(b)
        if len(z_a) != 1 or len(z_b) != 1:
            raise InputError(f"a and b must be one image each, got {len(z_a)} and {len(z_b)}")
        return self.decode(latent.interpolate(z_a[0], z_b[0], steps))

    def grid(self, side: int) -> Array:
        """Decode a side x side grid of a 2-D latent space.

        A VAE's grid stands at the quantiles of its prior, so that every picture has the same
        share of it. An AE has no prior: its grid spans the codes of its training images.

        Args:
            side: Pictures a side, at least 1.

        Returns:
            (side * side, height, width) float32 in [0, 1], row by row from the top left, as a plot
            has it: z[0] grows to the right, z[1] upwards. `tile` lays them out.

        Raises:
            InputTypeError: `side` is no integer.
            InputError: `side` is below 1 or above 10,000, or the latent space is not 2-D.
            GraphError: The AE's graphs do not tell the range of their codes.
        """
        side = checks.integer(side, "side", at_least=1, at_most=SIDE)
        if self.latent_dim != 2:
            raise InputError(f"grid() needs a 2-D latent space, this one has {self.latent_dim}")
        if self.kind == "vae":
            axis = latent.prior_axis(side)
            return self.decode(latent.plane(axis, axis))
        low, high = self.latent_range()
        axes = np.linspace(low, high, side, dtype=np.float32)
        return self.decode(latent.plane(axes[:, 0], axes[:, 1]))

    def latent_range(self) -> tuple[Array, Array]:
        """Return where the codes of the training images lie: their 1 % and 99 % quantiles.

        Returns:
            low and high, (latent_dim,) each.

        Raises:
            GraphError: The graphs carry no usable `latent_range`.
        """
        try:
            low, high = json.loads(self.metadata["latent_range"])
            bounds = np.array([low, high], np.float32).reshape(2, self.latent_dim)
        except (KeyError, TypeError, ValueError) as error:
            raise GraphError(
                f"{self.folder}: the metadata `latent_range` must be a JSON list of two lists of "
                f"{self.latent_dim} numbers; `python -m export onnx` writes it"
            ) from error
        return bounds[0], bounds[1]

    def save(self, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Copy the files of the model to a folder, which `load` takes: graphs, card, latents.

        All copies are complete before the first takes its place.

        Args:
            folder: Made if it is missing. It may be empty or hold this very model already.
            overwrite: It may hold anything. The files of another model are replaced, and those
                that this one does not have are removed; what belongs to no model stays.

        Returns:
            The folder.

        Raises:
            InputTypeError: `folder` is no path.
            InputError: The folder holds something else, and `overwrite` is not set.
            GraphError: The files that this model was loaded from are those of another one by now.
            FileMissingError: They are gone.
            FileAccessError: The folder cannot be written.
        """
        from vae_onnx import model_files  # what it imports takes time at every start

        target = checks.path(folder, "folder")
        if not overwrite:
            model_files.check_target(self.folder, target)
        with model_files.replacing(target) as partial:
            model_files.copy(self.folder, partial)
            copied = Autoencoder(partial, device="cpu").metadata
            if any(copied.get(key) != self.metadata.get(key) for key in IDENTITY):
                raise GraphError(
                    f"{self.folder} holds another model than the one that was loaded from it: "
                    f"{copied.get('name')}; load it again to save it"
                )
        return target

    def _file(self, part: str) -> Path:
        if self.precision == "float32":
            return self.folder / f"{part}.onnx"
        path = self.folder / f"{part}.{self.precision}.onnx"
        if not path.exists():
            raise FileMissingError(
                f"{self.folder.name} has no variant of precision {self.precision}: {path.name} is "
                "missing; `python -m export quantize` writes it"
            )
        return path

    def _check_pair(self) -> None:
        for what in ("latent_dim", "image_shape"):
            ours, theirs = getattr(self.encoder, what), getattr(self.decoder, what)
            if ours != theirs:
                raise GraphError(
                    f"{self.folder}: encoder.onnx and decoder.onnx must agree on {what}, "
                    f"got {ours} and {theirs}"
                )
        for key in IDENTITY:
            ours, theirs = self.encoder.metadata.get(key), self.decoder.metadata.get(key)
            if ours != theirs:
                raise GraphError(
                    f"{self.folder}: encoder.onnx is of the model with {key} {ours}, decoder.onnx "
                    f"of that with {theirs}; put the two of one model together"
                )


def models() -> tuple[str, ...]:
    """Return the names of the bundled models, sorted."""
    return tuple(sorted(path.parent.name for path in MODELS.glob("*/encoder.onnx")))


def load(
    model: str | os.PathLike[str],
    *,
    device: str = "auto",
    providers: Sequence[Provider] | None = None,
    strict: bool = False,
    threads: int | None = None,
    precision: Precision = "float32",
    offline: bool = False,
) -> Autoencoder:
    """Open a bundled model by name, a folder with its graphs, or one of the Hugging Face Hub.

    Args:
        model: A bundled name goes first: write "./mnist-vae" for a folder of that name.
            "hf://owner/repo[@revision][/folder]" is downloaded once, and checked against the
            sha256 of its card each time; see `vae_onnx.hub.fetch`.
        device: "cpu", "cuda", "openvino", "coreml" ...: all names are in `vae_onnx.device.KNOWN`.
            "auto" takes an NVIDIA GPU where onnxruntime has been installed for one, else the CPU;
            where the GPU cannot be had it runs on the CPU and says so once, in a DeviceWarning.
        providers: Execution providers instead, in order and as onnxruntime spells them:
            [("CUDAExecutionProvider", {"device_id": 1}), "CPUExecutionProvider"].
        strict: Refuse a device that leaves some nodes of a graph to the CPU.
        threads: How many share the work on a large batch; by default all that there are.
        precision: "float32", or a variant that the model has: "int8", "float16".
        offline: Take a model of the Hub from the cache and ask nobody; names and folders never do.

    Raises:
        FileMissingError: There is no such model, folder or repository, the folder lacks a graph,
            or an `offline` model is not in the cache.
        FileAccessError: The Hub cannot be reached, or does not let this user in; or the system does
            not let the folder be read.
        FileError: A file of the Hub is not the one that its card tells of.
        GraphError: A file is no such graph, or the two do not belong together.
        PackageMissingError: "hf://" needs huggingface_hub.
        DeviceError: A device asked for by name cannot be had, or does not run the graphs.
        InputTypeError: `model` is no name and no path, or another argument of the wrong type.
        InputError: `threads` is below 1, there is no such device or precision, or the reference
            to the Hub is none.
    """
    if not isinstance(model, str | os.PathLike):
        raise InputTypeError(f"model must be a name or a path, got {type(model).__name__}")
    folder = _find(model, offline)
    chosen = pick(device, providers, strict=strict)
    return Autoencoder(folder, device=chosen, threads=threads, precision=precision)


def _find(model: str | os.PathLike[str], offline: bool) -> Path:
    if isinstance(model, str) and model.startswith(HUB):
        from vae_onnx import hub

        return hub.fetch(model, offline=offline)
    folder = MODELS / model if model in models() else checks.path(model, "model")
    with accessing(folder):
        found = folder.is_dir()
    if not found:
        raise FileMissingError(
            f"no bundled model and no folder is called {os.fspath(model)!r}; "
            f"bundled: {', '.join(models())}; models of the Hugging Face Hub: {HUB}owner/repo"
        )
    return folder


def _check_precision(precision: Precision) -> Precision:
    if precision not in get_args(Precision):
        raise InputError(
            f"precision must be one of {', '.join(get_args(Precision))}, got {precision!r}"
        )
    return precision


def _check_out(out: Array, shape: tuple[int, ...]) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float32:
        got = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        raise InputTypeError(f"out must be a float32 array, got {got}")
    if out.shape != shape:
        raise InputError(f"out must have shape {shape}, one picture for each row, got {out.shape}")
    if not (out.flags.c_contiguous and out.flags.writeable):
        raise InputError("out must be C-contiguous and writeable; make it with np.empty")
