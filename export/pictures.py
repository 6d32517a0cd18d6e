"""Which pictures are learned, and what they are made to."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from export import checks
from export.choices import COLOUR, DATASETS, FOLDER, GREY, Fit, Ground, place_of
from export.errors import ConfigError


@dataclass(frozen=True)
class Pictures:
    """A data set, or a folder of pictures as one."""

    dataset: str = "fashion-mnist"
    """Data set to learn: fashion-mnist, mnist, kmnist, emnist (its digits and letters in 47
    classes), cifar10, svhn, celeba, or folder:PATH for pictures of your own, directly in the folder
    or in folders named after their classes."""

    colour: bool = False
    """Take the pictures of folder:PATH in colour, not grey."""

    image_size: int | None = None
    """Side in pixels of the squares that the pictures of folder:PATH, or of celeba, are made to: by
    default 28 for a folder and --network mlp, else 64."""

    ground: Ground | None = None
    """What is seen through transparent pictures of folder:PATH: "white" or "black". By default
    white with --colour, and without it whichever differs more from what is drawn there."""

    fit: Fit = "crop"
    """How the pictures of folder:PATH become squares: "crop" takes the middle, "pad" fills up with
    the ground."""

    def __post_init__(self) -> None:
        """Fill in what follows from the data set, and refuse what it cannot have.

        Raises:
            ConfigError: naming the option, what it takes and what it was given.
        """
        checks.choices(self, {"fit": Fit, "ground": Ground | None})
        if self.dataset not in DATASETS and not re.match(f"{FOLDER}.", self.dataset):
            raise ConfigError(
                f"dataset must be one of {', '.join(DATASETS)} or folder:PATH, got {self.dataset!r}"
            )
        shape = DATASETS.get(self.dataset)
        if shape is not None and not shape.any_size and self.image_size not in (None, shape.side):
            raise ConfigError(
                f"image_size is of folder:PATH; {self.dataset} has {shape.side}, "
                f"got {self.image_size}"
            )
        if self.colour and shape is not None:
            has = "is grey" if shape.channels == GREY else "has its colours without it"
            raise ConfigError(f"colour is of folder:PATH; {self.dataset} {has}")
        self._fill("image_size", shape.side if shape is not None else self._usual_side)
        checks.integers(self, ("image_size",), 1)
        for name in ("ground", "fit"):
            if shape is not None and getattr(self, name) != getattr(Pictures, name):
                raise ConfigError(f"{name} is of folder:PATH, not of {self.dataset}")
        if self.colour:
            self._fill("ground", "white")

    def _fill(self, name: str, value: object) -> None:
        """Put in what was not given."""
        if getattr(self, name) is None:
            object.__setattr__(self, name, value)

    @property
    def _usual_side(self) -> int:
        """Of the pictures of a folder, in pixels."""
        return 28

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of the pictures."""
        shape = DATASETS.get(self.dataset)
        channels = shape.channels if shape is not None else COLOUR if self.colour else GREY
        side = self.image_size
        assert side is not None  # since it was filled in
        return channels, side, side

    @property
    def is_drawn(self) -> bool:
        """Whether the images are ink on paper: those of the known grey data sets."""
        return self.dataset in DATASETS and self.image_shape[0] == GREY

    @property
    def dataset_name(self) -> str:
        """What to call the data set: a folder by its name, for a path is nobody's business."""
        if not self.dataset.startswith(FOLDER):
            return self.dataset
        return re.sub(r"[^a-z0-9]+", "-", self.place.name.lower()).strip("-") or "folder"

    @property
    def told(self) -> str:
        """The data set in a sentence: pictures in a folder called mnist are not mnist."""
        if not self.dataset.startswith(FOLDER):
            return self.dataset
        return f"the pictures in {self.place.name or 'a folder'}"

    @property
    def place(self) -> Path:
        """Where the pictures of folder:PATH are, from wherever one looks."""
        return place_of(self.dataset).resolve()

    def located(self) -> Self:
        """The same, with the whole path of a folder of images."""
        if not self.dataset.startswith(FOLDER):
            return self
        return replace(self, dataset=f"{FOLDER}{self.place}")

    def public(self) -> Self:
        """The same, without the path of a folder of images: a card tells no place of a machine."""
        if not self.dataset.startswith(FOLDER):
            return self
        return replace(self, dataset=FOLDER + (self.place.name or "pictures"))
