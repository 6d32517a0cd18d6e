"""A trained VAE or AE, run from its encoder graph and its decoder graph."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from vae_onnx import checks, contract, latent
from vae_onnx.decoder import Decoder
from vae_onnx.encoder import Encoder, Kind
from vae_onnx.engine import sizes, stream
from vae_onnx.engine.device import Device, pick
from vae_onnx.engine.graph import Array
from vae_onnx.engine.ortvalues import to_ortvalue
from vae_onnx.errors import EXPORTING, FileMissingError, GraphError, InputError
from vae_onnx.posterior import Posterior

if TYPE_CHECKING:
    from vae_onnx.evaluation import Scores
    from vae_onnx.pictures.arrays import Shape

IDENTITY = ("name", "fingerprint")  # metadata that all graphs of one model have in common
SIDE: Final = 10_000  # of a grid: a hundred million pictures
Precision = Literal["float32", "float16", "int8"]


class Autoencoder:
    """A trained VAE or AE: an encoder and a decoder that belong together.

    Safe to call from several threads at once and, on the CPU, in a process forked while no call was
    under way: a lock of onnxruntime that a thread holds at that moment is never released there. It
    may be used in a `with` statement, at whose end it is closed. `pickle`, `copy.deepcopy` and
    `multiprocessing` open the same files anew with the same options; see docs/models.md.

    Args:
        folder: Where `encoder.onnx` and `decoder.onnx` are.
        device: What to run on: a name, or what `vae_onnx.engine.device.pick` gives.
        threads: How many share the work on a large batch; by default all that there are: the
            cores of the process, or fewer if its cgroup has a quota.
        precision: Which of the model's variants to run: "int8" is `encoder.int8.onnx` and so on.

    Attributes:
        encoder: The encoder alone.
        decoder: The decoder alone.
        kind: "vae" or "ae".
        latent_shape: Of the code of one image: (latent_dim,), or (channels, height, width) of a map
            of codes, where -1 is a size that follows from the image's.
        image_shape: (channels, height, width); -1 is any size that is a multiple of
            `size_multiple`.
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
        self.precision: Precision = _check_precision(precision)
        chosen, place = pick(device), checks.path(folder, "folder")
        encoder, decoder = (self._file(place, part) for part in ("encoder", "decoder"))
        self.encoder: Encoder = Encoder(encoder, device=chosen, threads=threads)
        self.decoder: Decoder = Decoder(decoder, device=chosen, threads=threads)
        self._check_pair()
        self.kind: Kind = self.encoder.kind
        self.latent_shape: sizes.Sizes = self.encoder.latent_shape
        self.image_shape: Shape = self.encoder.image_shape
        self.size_multiple: int = self.encoder.size_multiple

    @property
    def metadata(self) -> Mapping[str, str]:
        """What both graphs say of themselves."""
        ours, theirs = self.encoder.metadata, self.decoder.metadata
        return MappingProxyType(
            {key: value for key, value in ours.items() if theirs.get(key) == value}
        )

    @property
    def latent_dim(self) -> int:
        """Numbers per image in the latent space; see `contract.latent_dim`."""
        return self.encoder.latent_dim

    @property
    def folder(self) -> Path:
        """Where `load` found the model."""
        return self.encoder.graph.path.parent

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
        flat = len(self.latent_shape) == 1
        code = f"latent_dim {self.latent_dim}" if flat else f"latent_shape {self.latent_shape}"
        return (
            f"<{self.metadata.get('name', self.folder)}: {self.kind}, "
            f"{code}, image_shape {self.image_shape}>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: see `vae_onnx.notebook`."""
        from vae_onnx import notebook

        return notebook.of_model(self)

    def encode(self, images: npt.ArrayLike) -> Array:
        """Return z (N, *latent_shape); see `Encoder.encode`."""
        return self.encoder.encode(images)

    def posterior(self, images: npt.ArrayLike, refine: int = 0) -> Posterior:
        """Return the VAE's q(z | x); images as in `encode`.

        Args:
            images: As in `encode`.
            refine: Steps to a better Gaussian than the encoder's guess, found with the decoder.
                Each takes as long as decoding 2 * latent_dim + 1 pictures an image; see
                `vae_onnx.refining`.

        Raises:
            InputTypeError: The model is an AE, the dtype is neither uint8 nor float, or `refine` is
                no integer.
            InputError: Wrong shape or range, NaN, or no image; `refine` is below 0, or above it for
                codes of more than 2,047 numbers.
            GraphError: The metadata state no likelihood or no prior to refine by.
        """
        steps = checks.integer(refine, "refine", at_least=0)
        posterior = self.encoder.posterior(images)
        if not steps:
            return posterior
        px = contract.likelihood(self.metadata)
        if not (px and contract.has_normal_prior(self.metadata, self.kind)):
            raise GraphError(
                f"{self.folder}: refine looks for the Gaussian of the highest ELBO, and the "
                "metadata state no likelihood and prior to take that by; export the model with "
                "them, or use posterior(images)"
            )
        from vae_onnx.refining import refined  # few need it, and it takes time at every start

        decode = self.decoder.to_x_recon
        return refined(self.encoder.as_batch(images), posterior, decode, px, steps)

    def decode(self, z: npt.ArrayLike, out: Array | None = None) -> Array:
        """Return the pictures (N, height, width) at z (N, *latent_shape); see `Decoder.decode`."""
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
            z (up to `rows`, *latent_shape), in the order of the images.

        Raises:
            InputTypeError: A dtype is neither uint8 nor float.
            InputError: Wrong shape or range, NaN, no image, or `rows` is below 1.
        """
        name = "encoded" if progress else None
        blocks = stream.blocks(images, self.encoder.as_batch, rows=rows, name=name)
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
            z: (N, *latent_shape), a memory map too; or an iterable of single z or batches.
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
            z (N, *latent_shape) as in `encode`; `torch.from_dlpack` and its like take it uncopied.

        Raises:
            InputTypeError: x is none of these, or not float32.
            InputError: Wrong shape, not contiguous, or on a device where the model runs on the CPU.
        """
        (z, *_) = self.encoder.graph.on_device(to_ortvalue(x, "x", self.image_shape))
        return z

    def decode_ortvalue(self, z: Any) -> ort.OrtValue:
        """Decode a batch where it lies, on a GPU for example, and leave the result there.

        Args:
            z: (N, *latent_shape) float32, contiguous, otherwise as in `encode_ortvalue`.

        Returns:
            x_recon as the graph gives it, (N, channels, height, width) float32 in [0, 1].

        Raises:
            InputTypeError: z is none of these, or not float32.
            InputError: Wrong shape, not contiguous, or on a device where the model runs on the CPU.
        """
        (x_recon,) = self.decoder.graph.on_device(to_ortvalue(z, "z", self.latent_shape))
        return x_recon

    def reconstruct(self, images: npt.ArrayLike, rng: np.random.Generator | None = None) -> Array:
        """Encode and decode.

        Args:
            images: uint8 in [0, 255] or float in [0, 1]; see `vae_onnx.pictures.arrays.to_x`.
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
        """Decode n draws of z ~ N(0, I), or of a Gaussian where the codes lie.

        For a VAE whose prior that is, these are draws from the model, each the mean of p(x | z).
        Where the metadata state no prior, z is drawn with the mean and deviation of the codes that
        they tell of (Ghosh et al. 2020, section 4, with a diagonal covariance), or else from
        N(0, I): there the pictures show what lies at those places, no more.

        Args:
            n: How many, at least 1.
            rng: Source of the draws, `np.random.default_rng(seed)`.

        Returns:
            (n, height, width) float32 in [0, 1], or (n, height, width, channels) of several.

        Raises:
            InputTypeError: n is no integer or `rng` no generator.
            InputError: n is below 1, or the model takes images of any size: `decode` a z of yours.
            GraphError: The metadata about the codes are damaged.
        """
        return self.decode(self.sample_codes(n, rng))

    def sample_codes(self, n: int, rng: np.random.Generator) -> Array:
        """Draw the z (n, *latent_shape) that `sample` decodes; arguments and errors are its own."""
        n, rng = checks.integer(n, "n", at_least=1), checks.generator(rng)
        if not sizes.are_fixed(self.latent_shape):
            raise InputError(
                f"sample() does not know how large to draw; decode z of shape "
                f"(n, {sizes.text(self.latent_shape)}) of your own"
            )
        z = rng.standard_normal((n, *self.latent_shape), dtype=np.float32)
        if contract.has_normal_prior(self.metadata, self.kind):
            return z
        mean, std = (
            contract.codes(self.metadata, key, self.latent_shape)
            for key in ("latent_mean", "latent_std")
        )
        if mean is None or std is None:
            return z
        shape = (-1, *(1,) * (len(self.latent_shape) - 1))
        return mean.reshape(shape) + std.reshape(shape) * z

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
        share of it. Where there is none, as for an AE, it spans the codes of the training images.

        Args:
            side: Pictures a side, at least 1.

        Returns:
            (side * side, height, width) float32 in [0, 1], row by row from the top left, as a plot
            has it: z[0] grows to the right, z[1] upwards. `tile` lays them out.

        Raises:
            InputTypeError: `side` is no integer.
            InputError: `side` is below 1 or above 10,000, or the latent space is not 2-D.
            GraphError: There is no prior, and the graphs do not tell the range of their codes.
        """
        side = checks.integer(side, "side", at_least=1, at_most=SIDE)
        if self.latent_shape != (2,):
            flat = len(self.latent_shape) == 1
            got = self.latent_dim if flat else f"the shape ({sizes.text(self.latent_shape)})"
            raise InputError(f"grid() needs a 2-D latent space, this one has {got}")
        if contract.has_normal_prior(self.metadata, self.kind):
            axis = latent.prior_axis(side)
            return self.decode(latent.plane(axis, axis))
        low, high = self.latent_range()
        axes = np.linspace(low, high, side, dtype=np.float32)
        return self.decode(latent.plane(axes[:, 0], axes[:, 1]))

    def score(
        self, images: npt.ArrayLike, rng: np.random.Generator | None = None, draws: int = 16
    ) -> Scores:
        """Tell how well the model knows each image, which finds those that are unlike the others.

        Args:
            images: As in `encode`.
            rng: Source of a VAE's noise; `np.random.default_rng(0)` unless given.
            draws: Samples of the noise per image.

        Returns:
            A number for each image: its reconstruction error, and its nats where the metadata state
            a likelihood; see `vae_onnx.evaluation.Scores`.

        Raises:
            InputTypeError, InputError: As `encode`, or `draws` is below 1.
            GraphError: The metadata about the likelihood are damaged.
        """
        from vae_onnx import evaluation

        rng = np.random.default_rng(0) if rng is None else checks.generator(rng)
        return evaluation.score(self, images, rng, checks.integer(draws, "draws", at_least=1))

    def latent_range(self) -> tuple[Array, Array]:
        """Return where the codes of the training images lie: their 1 % and 99 % quantiles.

        Returns:
            low and high, (latent_dim,) each, or of a map of codes (channels,).

        Raises:
            GraphError: The graphs carry no usable `latent_range`.
        """
        bounds = contract.codes(self.metadata, "latent_range", self.latent_shape)
        if bounds is None:
            raise GraphError(
                f"{self.folder}: the metadata must tell by `latent_range` where the codes of the "
                f"training images lie; {EXPORTING} writes it. Without it, decode places of your "
                "own: model.decode(vae_onnx.latent.plane(horizontal, vertical))"
            )
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
        from vae_onnx.store import model_files  # what it imports takes time at every start

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

    def _file(self, folder: Path, part: str) -> Path:
        if self.precision == "float32":
            return folder / f"{part}.onnx"
        path = folder / f"{part}.{self.precision}.onnx"
        if not path.exists():
            raise FileMissingError(
                f"{folder.name} has no variant of precision {self.precision}: {path.name} is "
                'missing; load it with precision="float32". In a clone of vae-onnx, '
                "`python -m export quantize` makes variants of its own models"
            )
        return path

    def _check_pair(self) -> None:
        for what in ("latent_shape", "image_shape"):
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


def _check_precision(precision: Precision) -> Precision:
    if precision not in get_args(Precision):
        raise InputError(
            f"precision must be one of {', '.join(get_args(Precision))}, got {precision!r}"
        )
    return precision
