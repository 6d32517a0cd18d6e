"""What can be chosen about a model and its training; the command line is made from it."""

import re
from dataclasses import dataclass, fields

from export import checks
from export.choices import (
    GREY,
    Kind,
    Likelihood,
    Network,
    Objective,
    Precision,
    Schedule,
    TrainOn,
)
from export.errors import ConfigError
from export.pictures import Pictures
from export.plan import Plan
from export.recipes import RECIPES, options

CHOICES = {
    "schedule": Schedule,
    "precision": Precision,
    "objective": Objective,
    "train_on": TrainOn,
    "network": Network,
    "likelihood": Likelihood | None,
}


@dataclass(frozen=True)
class Recipe(Pictures):
    """Everything but the kind of model: what a VAE and the AE beside it have in common."""

    network: Network = "mlp"
    """What encoder and decoder are: "mlp", the report's, with one hidden layer each, or "conv",
    residual convolutions."""

    hidden_dim: int = 400
    """Width of the hidden layer of an mlp's encoder and decoder."""

    width: int | None = None
    """Channels of the first level of a conv; the levels below have twice and three times as many.
    By default 32, above 64 pixels 24."""

    depth: int | None = None
    """Residual blocks in each level of a conv, by default 1."""

    latent_dim: int = 2
    """Dimensions of the latent space; of a map of codes, in each of its places."""

    latent_side: int = 0
    """Side of the map of codes of a conv, for example 8; at 0 the code is flat."""

    likelihood: Likelihood | None = None
    """p(x | z): "bernoulli", or "gaussian" with one deviation for all pixels, which is learned
    (Rybkin et al., Simple and Effective VAE Training with Calibrated Decoders, 2021). By default
    gaussian for colour, else bernoulli."""

    epochs: int = 200
    """Passes over the training images."""

    encoder_epochs: int = 0
    """How many of these, the last ones, train the encoder alone, with the decoder held as it is: on
    new images nearly all that is lost is lost in the encoder. The learning rate rises and falls
    once more."""

    batch_size: int = 512
    """Images per step of the optimiser."""

    lr: float = 8e-3
    """Largest learning rate of Adam."""

    z_lr_factor: float = 10.0
    """How many times as fast the layer that reads z learns: it has 2 inputs where the others have
    hundreds, and Adam's steps are of one size (Yang et al., Tensor Programs V, 2022)."""

    x_lr_factor: float = 0.25
    """How many times as fast the layer of an mlp that reads the images learns. Pixels are of one
    sign, so that steps of one size add up in a hidden unit, and may leave it where no image turns
    it on any more: at 1, four in five of them die."""

    z_init: float = 0.0
    """Length of the weights that each hidden unit of an mlp's decoder begins with, times
    latent_dim; it turns where a random code lies. 32 is quick: at 0 the weights are PyTorch's, 0.6
    long, and steps of one size carry half of the units to where no code turns them on. A long
    training need not end better by it."""

    x_init: float = 0.0
    """Length of the weights that each hidden unit of an mlp's encoder begins with; it turns where
    some image lies. 2.5 is quick, at 0 they are PyTorch's."""

    mean_bias: bool = False
    """Begin with the mean image: the biases of an mlp's last layer at the logits of the mean
    pixels, so that the first steps need not learn that."""

    adam_beta1: float = 0.9
    """Decay of Adam's average of gradients."""

    adam_beta2: float = 0.99
    """Decay of Adam's average of squared gradients."""

    schedule: Schedule = "linear"
    """Learning rate over time: "linear" warms up over the first epoch and falls to zero on a line,
    "constant" stays."""

    input_noise: float = 0.1
    """Standard deviation of the noise on what the encoder sees, while the decoder is still asked
    for the clean image: the encoder then infers better from images it has not met."""

    moves: int = 1
    """Pixels. The encoder learns as well from images moved by up to this many, up, down, left and
    right, to which the decoder is not adapted; 0 leaves them out."""

    bend: float = 0.0
    """Pixels. In the encoder's own epochs those images are bent as well: 16 points of each go some
    way, with this deviation, and what lies between them follows smoothly."""

    mirror: bool = False
    """Train on every image as often mirrored, left to right: for what has no left and right."""

    shift: int = 0
    """Pixels. Train on images moved by up to this many, each time anew, filled up at the edges with
    what lies there."""

    recolour: float = 0.0
    """Share of the colour images that are trained on with their channels exchanged at random, so
    that colours do not matter to shapes."""

    train_on: TrainOn = "train"
    """Images to train on: "train" keeps the validation images out; "all" takes them as well, once
    a recipe has been chosen, and the validation losses are then of images that were trained on."""

    precision: Precision = "float32"
    """Numbers that the large products take while training: "bfloat16" halves their time on a CPU or
    GPU that has instructions for it, and takes longer on one that has none; "auto" is bfloat16 on
    the former and float32 on the latter."""

    objective: Objective = "elbo"
    """What a VAE maximises: "elbo" (Kingma & Welling 2014), or "iwae", the tighter bound of Burda
    et al. 2016 with the gradient of Tucker et al. 2019 (DReG)."""

    k: int = 1
    """Samples z an image in a VAE's objective: averaged for elbo, importance-weighted for iwae."""

    beta: float = 1.0
    """Weight of the kld in a VAE's elbo (Higgins et al. 2017); the loss is the ELBO's at 1."""

    kl_warmup: int = 0
    """Epochs over which that weight grows from 0 (Bowman et al. 2016)."""

    free_bits: float = 0.0
    """Nats a latent dimension below which its kld, averaged over the batch, counts as this much
    (Kingma et al. 2016)."""

    seed: int = 0
    """Seed of the initial weights, the order of the images and the training noise."""

    def __post_init__(self) -> None:
        """Refuse what cannot be trained.

        Raises:
            ConfigError: naming the option, what it takes and what it was given.
        """
        super().__post_init__()
        checks.choices(self, CHOICES)
        checks.integers(self, ("hidden_dim", "latent_dim", "epochs", "batch_size", "k"), 1)
        from_zero = ("seed", "kl_warmup", "moves", "shift", "latent_side", "encoder_epochs")
        checks.integers(self, from_zero, 0)
        checks.above_zero(self, ("lr", "z_lr_factor", "x_lr_factor"))
        from_zero_on = ("beta", "free_bits", "input_noise", "bend", "z_init", "x_init")
        checks.at_least_zero(self, from_zero_on)
        checks.decays(self, ("adam_beta1", "adam_beta2"))
        self._check_encoder_epochs()
        self._check_variations()
        self._check_network()
        if self.objective == "iwae" and (self.beta, self.kl_warmup, self.free_bits) != (1, 0, 0):
            raise ConfigError(
                "beta, kl_warmup and free_bits weigh the kld of the elbo; --objective iwae has "
                "none: leave them out, or choose --objective elbo"
            )

    def _check_encoder_epochs(self) -> None:
        """Refuse a training that never trains the decoder, and one that has no last epochs."""
        if self.encoder_epochs >= self.epochs:
            raise ConfigError(
                f"encoder_epochs must be less than the {self.epochs} epochs, the last of which "
                f"they are, got {self.encoder_epochs}"
            )
        if self.bend and not self.encoder_epochs:
            raise ConfigError("bend is of the encoder's own epochs; add --encoder-epochs")
        if self.encoder_epochs and self.schedule == "constant":
            raise ConfigError(
                "encoder_epochs are the last ones, and a constant schedule has no last one; leave "
                "them out, or choose --schedule linear"
            )

    def _check_variations(self) -> None:
        """Refuse what the pictures cannot have."""
        for name in ("moves", "shift"):
            if getattr(self, name) >= self.image_shape[1]:
                raise ConfigError(
                    f"{name} must be less than the {self.image_shape[1]} pixels of an image's "
                    f"side, got {getattr(self, name)}"
                )
        if not 0 <= self.recolour <= 1:
            raise ConfigError(f"recolour must be a share from 0 to 1, got {self.recolour!r}")
        if self.recolour and self.image_shape[0] == GREY:
            raise ConfigError("recolour is of colour pictures; these are grey")

    def _check_network(self) -> None:
        """Fill in what follows from the pictures, and refuse what the network does not have."""
        self._fill("likelihood", "bernoulli" if self.image_shape[0] == GREY else "gaussian")
        if self.network == "mlp":
            for name in ("width", "depth", "latent_side"):
                if getattr(self, name) != getattr(Recipe, name):
                    raise ConfigError(f"{name} is of --network conv; mlp has hidden_dim")
            return
        if self.hidden_dim != Recipe.hidden_dim:
            raise ConfigError("hidden_dim is of --network mlp; conv has width and depth")
        if self.mean_bias:
            raise ConfigError("mean_bias is of --network mlp, which has a bias for each pixel")
        for name in ("z_init", "x_init"):
            if getattr(self, name):
                raise ConfigError(f"{name} is of --network mlp; leave it out for conv")
        if self.x_lr_factor not in (1, Recipe.x_lr_factor):
            raise ConfigError("x_lr_factor is of --network mlp; leave it out for conv")
        given = [name for name in ("width", "depth") if getattr(self, name) is not None]
        checks.integers(self, given, 1)
        _ = self.plan  # or it says why there is none

    @property
    def _usual_side(self) -> int:
        return 28 if self.network == "mlp" else 64

    @property
    def joint_epochs(self) -> int:
        """Those that train encoder and decoder."""
        return self.epochs - self.encoder_epochs

    @property
    def plan(self) -> Plan:
        """The levels of a conv."""
        return Plan.of(self.image_shape, self.latent_shape, self.width, self.depth)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Of the code of one picture: (latent_dim,), or (latent_dim, side, side) of a map."""
        return (self.latent_dim, *[self.latent_side] * 2 * bool(self.latent_side))

    @property
    def validation_name(self) -> str:
        """What to call the validation losses, which are no such thing of images trained on."""
        return "validation" if self.train_on == "train" else "validation images, trained on too"

    def flags(self) -> str:
        """The options that give this recipe on the command line; defaults are left out."""
        given = {"dataset": self.dataset, "network": self.network, "colour": self.colour}
        default = type(self)(**{**RECIPES[self.network]["best"], **given})
        others = [name for name, value in given.items() if value != getattr(Recipe, name)]
        told = ("dataset", "kind", *others)
        return options(
            {
                field.name: getattr(self, field.name)
                for field in fields(self)
                if field.name in told or getattr(self, field.name) != getattr(default, field.name)
            }
        )


@dataclass(frozen=True)
class Config(Recipe):
    """One training run: a recipe and the kind of model it is for."""

    kind: Kind = "vae"
    """Variational ("vae") or plain ("ae") autoencoder."""

    name: str = ""
    """What to call the model; by default after data set, network, kind and dimensions, for example
    mnist-conv-vae-16d."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.choices(self, {"kind": Kind})
        if not re.fullmatch(r"[a-z0-9]*(-[a-z0-9]+)*", self.name):
            raise ConfigError(
                f"name must be of small letters, digits and single hyphens, got {self.name!r}"
            )

    @property
    def model_name(self) -> str:
        """Name of the model, for example "mnist-vae"; the usual two dimensions go unsaid."""
        if self.name:
            return self.name
        network = "" if self.network == "mlp" else f"-{self.network}"
        place = f"x{self.latent_side}x{self.latent_side}" if self.latent_side else ""
        dimensions = "" if self.latent_shape == (2,) else f"-{self.latent_dim}{place}d"
        return f"{self.dataset_name}{network}-{self.kind}{dimensions}"
