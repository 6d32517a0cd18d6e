"""A picture file -> the pixels that a model takes: its size, its channels, its ink and paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from vae_onnx import contract
from vae_onnx.engine import sizes
from vae_onnx.errors import InputError
from vae_onnx.pictures import files, fitting, paper
from vae_onnx.pictures.files import Picture
from vae_onnx.pictures.fitting import Fit, Ground

if TYPE_CHECKING:
    from vae_onnx.autoencoder import Autoencoder
    from vae_onnx.pictures.arrays import Shape

DRAWN: Final = (1, 28, 28)  # channels, height, width of what becomes of a drawing
INVERTED: Final = "It shows dark on light, and was inverted; --no-invert takes it as it is."
CONTRARY: Final = "--{}invert was given; the picture looks as if it should not have been."
EVEN: Final = "It is one even surface."


class Taker:
    """Reads pictures for one model.

    Args:
        model: Whose size, channels, ground and polarity count.
        invert: The pictures show dark ink on light paper, or they do not; None finds that out,
            where the model wants light ink on dark paper.
        fit: How pictures of another size are brought to the model's; None refuses them.
    """

    def __init__(
        self, model: Autoencoder, invert: bool | None = None, fit: Fit | None = None
    ) -> None:
        self.image_shape: Shape = model.image_shape
        self.size_multiple: int = model.size_multiple
        self.inked: bool = paper.expected(model.metadata)
        self.ground = contract.ground(model.metadata)
        self.invert: bool | None = invert
        self.fit: Fit | None = fit

    def __call__(self, source: Path | bytes, name: str | None = None) -> Picture:
        """Return the pixels, and what was decided about them.

        Args:
            source: A file, or its bytes.
            name: What errors call it; by default its path.

        Returns:
            A picture whose pixels are uint8 (height, width), or (height, width, channels).

        Raises:
            FileMissingError, FileAccessError, FileError: See `vae_onnx.read_picture`.
            InputError: It is of another size, and `fit` is None; or no picture has such channels.
        """
        picture = read(source, name, self.invert, self.ground, self._enough())
        if not self.fit:
            called = str(source) if isinstance(source, Path) else name
            self._check_size(called, picture.pixels.shape[:2])
        light, notes = False, list(picture.notes)
        if self.inked:
            grey = picture.grey
            light = paper.is_light(grey)
            if grey.min() == grey.max():
                notes.append(EVEN)
            elif self.invert is None and light:
                notes.append(INVERTED)
            elif self.invert is not None and self.invert != light:
                notes.append(CONTRARY.format("" if self.invert else "no-"))
        pixels = fitting.in_channels(picture, self.image_shape[0])
        inverted = 255 - pixels if (light if self.invert is None else self.invert) else pixels
        if self.fit:  # after that: what pad lays beside it is the model's ground, or black
            shape, multiple = self.image_shape, self.size_multiple
            inverted = fitting.to_model(inverted, shape, multiple, self.fit, self.ground)
        return Picture(inverted, tuple(notes))

    def _enough(self) -> int | None:
        """How long the shorter side of a picture must be, so that no more would show."""
        sides = self.image_shape[1:]
        return fitting.enough(max(sides)) if self.fit and sizes.are_fixed(sides) else None

    def _check_size(self, name: str | None, shape: tuple[int, ...]) -> None:
        """See that a picture is of the model's size."""
        multiple, wanted = self.size_multiple, self.image_shape[1:]
        if sizes.fit(shape, wanted) and all(
            of != sizes.ANY or size % multiple == 0 for size, of in zip(shape, wanted, strict=True)
        ):
            return
        size = f"multiples of {multiple}" if sizes.ANY in wanted else in_words(wanted)
        drawing = ", or --drawing if it shows one drawn digit" if self.image_shape == DRAWN else ""
        raise InputError(
            f"{name} is {in_words(shape)} pixels, the model takes {size}; bring it there with "
            f"--fit crop (or stretch, pad){drawing}"
        )


def read(
    source: Path | bytes,
    name: str | None = None,
    invert: bool | None = None,
    ground: Ground | None = None,
    enough: int | None = None,
) -> Picture:
    """Read a picture; what is transparent is paper, of which `invert` says that it is light.

    Of a model that states its ground it is that, once it is inverted.
    """
    if invert is None:
        return files.read(source, name=name, ground=ground, enough=enough)
    light = invert if ground is None else (ground == "white") != invert
    ground = "white" if light else "black"
    return files.read(source, name=name, ground=ground, enough=enough)


def in_words(shape: tuple[int, ...]) -> str:
    """Say the size of a picture (height, width, ...) as people do."""
    return f"{shape[1]}x{shape[0]}"
