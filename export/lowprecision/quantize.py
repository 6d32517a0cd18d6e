"""The graphs of a model folder in shorter numbers, with what they cost and what they gain.

Beside `encoder.onnx` and `decoder.onnx` come `encoder.int8.onnx`, `decoder.int8.onnx` and the like,
with the same inputs, outputs and metadata; `card.json` tells their loss on the complete test set
and their speed on the machine that wrote them.
"""

import dataclasses
import hashlib
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
from tqdm import tqdm

from export import markdown
from export.config import DATASETS, DRAWS, Config, Variant
from export.data import datasets
from export.errors import ConfigError, ModelError, UserError
from export.graphs.model_folder import BATCH_SIZES, write_card
from export.lowprecision.conversion import find_product, inputs_of, tell, to_float16, to_int8
from vae_onnx import Autoencoder, Decoder, Encoder, Posterior, VaeOnnxError, evaluation
from vae_onnx.engine.graph import Array
from vae_onnx.evaluation import Settings
from vae_onnx.store import model_files

SIDES: Final = ("encoder", "decoder")
SHOWN: Final = 20_000  # training images that the weights are rounded for
SEED: Final = 0
ROWS: Final = (1, 10_000)  # that are timed at once
ROUNDS: Final = 11
SECONDS: Final = 0.05  # the least that one measurement lasts

Step = Callable[[str], None]


class QualityError(UserError, RuntimeError):
    """A variant loses more than is allowed, or does not compute what it should."""


@dataclasses.dataclass(frozen=True)
class Model:
    """A model folder, opened, and the images that it is for."""

    folder: Path
    card: dict[str, Any]
    graphs: Autoencoder
    protos: dict[str, onnx.ModelProto]  # by side
    train: Array  # (N, channels, height, width)
    test: Array


def quantize(
    folders: Sequence[Path],
    variants: Sequence[Variant],
    limit: float,
    dataset: str | None = None,
    data_dir: Path | None = None,
    page: Path | None = None,
    dry_run: bool = False,
) -> None:
    """Write variants of model folders, and measure them.

    Args:
        folders: Model folders, as `python -m export onnx` wrote them.
        variants: Which.
        limit: Nats per image that a variant may lose on the test set.
        dataset: Where the images are, unless the cards tell it.
        data_dir: Folder of the known data sets.
        page: Markdown file with a section for each variant, to write a table to.
        dry_run: Measure, and write nothing into the folders.

    Raises:
        FileNotFoundError: a graph, a card, the data set or the page is missing.
        ModelError: a file of a folder is damaged, or not from `python -m export onnx`.
        QualityError: a variant loses more than the limit; nothing is written into that folder.
        ConfigError: nothing is asked for, the page lacks a section, or there is no such data set.
        DataError: the data set is damaged.
    """
    _check(folders, variants, limit)
    for variant in variants:
        if page:
            markdown.fill(page, variant)
    rows: dict[Variant, list[list[str]]] = {variant: [] for variant in variants}
    with tqdm(total=len(folders) * (1 + 3 * len(variants)), disable=None) as bar:

        def step(what: str) -> None:
            bar.set_description(what)
            bar.update()

        for folder in folders:
            step(f"{folder.name}: images")
            model = open_model(folder, dataset, data_dir)
            made, told = make(model, variants, limit, step)
            if not dry_run:
                write(model, made, told)
            for variant in variants:
                rows[variant].append(row(model.card["name"], told[variant], made[variant]))
                tqdm.write(line(model.card["name"], variant, told[variant], dry_run))
    for variant in variants:
        text = f"{markdown.table(HEADER, rows[variant])}\n\n{machine()}"
        print(f"\n{variant}\n\n{text}")
        if page:
            markdown.fill(page, variant, text)
    if page:
        print(f"wrote {page}")


def _check(folders: Sequence[Path], variants: Sequence[Variant], limit: float) -> None:
    if not folders:
        raise ConfigError("quantize takes at least one model folder, got none")
    if not variants:
        raise ConfigError("--precision takes float16, int8 or both, got none")
    if not limit >= 0:
        raise ConfigError(f"limit must be at least 0 nats, got {limit!r}")


def open_model(folder: Path, dataset: str | None, data_dir: Path | None) -> Model:
    """Open a model folder, see that its files belong together, and load its images.

    Raises:
        FileNotFoundError: a graph, the card or the data set is missing.
        ModelError: a file is damaged, or not from `python -m export onnx`.
        ConfigError: there is no such data set.
        DataError: it is damaged.
    """
    try:
        graphs = Autoencoder(folder)
    except FileNotFoundError:
        raise
    except VaeOnnxError as error:
        raise ModelError(str(error)) from error
    card = read_card(folder)
    protos = {side: onnx.load(folder / f"{side}.onnx") for side in SIDES}
    for proto in protos.values():
        find_product(proto)
    source = Config(dataset=dataset or card["config"]["dataset"]).dataset  # refuses what is none
    if dataset is None and source not in DATASETS and not Path(source.partition(":")[2]).is_dir():
        raise ModelError(
            f"{folder} is a model of pictures in {source}, which is not here; name their place "
            "with --dataset folder:PATH"
        )
    size = graphs.image_shape[1]
    train, _ = datasets.load_train_validation(source, data_dir, image_size=size)
    test = datasets.load_test(source, data_dir, image_size=size)
    shape = (-1, *graphs.image_shape)
    x_train, x_test = (split.x.numpy().reshape(shape) for split in (train, test))
    return Model(folder, card, graphs, protos, x_train, x_test)


def read_card(folder: Path) -> dict[str, Any]:
    """Read `card.json`, and see that it is of the graphs beside it.

    Raises:
        FileNotFoundError: it is missing.
        ModelError: it is damaged, or of other graphs, or of another version.
    """
    path = folder / model_files.CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        known = {f"{side}.onnx": card["sha256"][f"{side}.onnx"] for side in SIDES}
        told = [card["name"], card["config"]["dataset"], *known.values()]
        if not all(isinstance(value, str) for value in told):
            raise TypeError("a name, data set or sha256 is no text")
    except FileNotFoundError:
        message = f"{path} is missing; `python -m export onnx` writes it"
        raise FileNotFoundError(message) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is not a card of this version ({type(error).__name__}: {error}); "
            "`python -m export onnx` writes one"
        ) from error
    for name, expected in known.items():
        if _sha256((folder / name).read_bytes()) != expected:
            raise ModelError(
                f"{path} is the card of another {name}: sha256 differs; export both again"
            )
    result: dict[str, Any] = card
    return result


def make(
    model: Model, variants: Sequence[Variant], limit: float, step: Step
) -> tuple[dict[Variant, dict[str, bytes]], dict[Variant, dict[str, Any]]]:
    """Make the variants of a model and measure them.

    Returns:
        File name -> content, and what the card tells, of each variant.

    Raises:
        QualityError: one loses more than the limit.
    """
    name = model.card["name"]
    before = losses(model, model.graphs.encoder, model.graphs.decoder)
    made: dict[Variant, dict[str, bytes]] = {}
    told: dict[Variant, dict[str, Any]] = {}
    for variant in variants:
        step(f"{name} {variant}: rounding")
        protos = shorten(model, variant)
        with tempfile.TemporaryDirectory() as folder:
            step(f"{name} {variant}: loss")
            encoder, decoder = _open(protos, Path(folder))
            after = losses(model, encoder, decoder)
            change = after["total"] - before["total"]
            if not change <= limit:  # written so that NaN fails too
                raise QualityError(
                    f"{name} in {variant} loses {change:.4f} nats per image on the test set, "
                    f"allowed are {limit}; nothing was written. --limit allows more"
                )
            check_batches(model, encoder, decoder)
            step(f"{name} {variant}: speed")
            ratios = time_ratios(model, encoder, decoder)
        nats = {
            f"test_{part}": f"{after[part]:.2f}"
            for part in ("total", "recon", "kld")
            if part in after
        }
        for proto in protos.values():
            tell(proto, nats)
        made[variant] = {
            f"{side}.{variant}.onnx": proto.SerializeToString(deterministic=True)
            for side, proto in protos.items()
        }
        told[variant] = {
            "total_change": change,
            "metrics": {"split": "test", **after},
            "time_ratio": ratios,
            "machine": machine(),
            "sha256": {file: _sha256(content) for file, content in made[variant].items()},
        }
    return made, told


def shorten(model: Model, variant: Variant) -> dict[str, onnx.ModelProto]:
    """Return encoder and decoder of a model in shorter numbers."""
    if variant == "float16":
        return {side: to_float16(proto) for side, proto in model.protos.items()}
    rng = np.random.default_rng(SEED)
    x = model.train[rng.permutation(len(model.train))[:SHOWN]]
    z = places(model.graphs, x, rng)
    p = model.graphs.decoder.decode(z).reshape(len(z), -1)
    # How much log p(x | z) bends with the logits: where a pixel is certain, nothing hangs on them.
    fisher = (p * (1 - p)).mean(axis=1) + np.finfo(np.float32).tiny
    encoder, decoder = model.protos["encoder"], model.protos["decoder"]
    return {
        "encoder": to_int8(encoder, inputs_of(find_product(encoder), encoder, x)),
        "decoder": to_int8(decoder, inputs_of(find_product(decoder), decoder, z), fisher),
    }


def places(graphs: Autoencoder, x: Array, rng: np.random.Generator) -> Array:
    """Return z (M, latent_dim) that a decoder is asked for: those of images, and others.

    The others are draws from a VAE's prior, or from where the codes of an AE lie.
    """
    if graphs.kind == "vae":
        z = graphs.posterior(x).sample(rng)
        others = rng.standard_normal(z.shape, dtype=np.float32)
    else:
        z = graphs.encode(x)
        others = rng.uniform(*graphs.latent_range(), size=z.shape).astype(np.float32)
    return np.concatenate([z, others])


def losses(model: Model, encoder: Encoder, decoder: Decoder) -> dict[str, Any]:
    """Return the losses on the complete test set, with the noise of the card's own metrics."""
    codes: Posterior | Array
    codes = encoder.posterior(model.test) if encoder.kind == "vae" else encoder.encode(model.test)
    draws = model.card["metrics"].get("draws", DRAWS)
    settings = Settings(draws=draws, seed=model.card["metrics"].get("seed", SEED))
    return evaluation.losses(model.test, codes, lambda z: decoder.graph(z)[0], settings)


def check_batches(model: Model, encoder: Encoder, decoder: Decoder) -> None:
    """See that a row of a batch comes out as it does alone, up to a rounding here and there.

    Raises:
        QualityError: it does not.
    """
    repeats = -(-max(BATCH_SIZES) // len(model.test))  # a small test set is shown more than once
    x = np.concatenate([model.test] * repeats)[: max(BATCH_SIZES)]
    for graph, batch in ((encoder.graph, x), (decoder.graph, encoder.encode(x))):
        whole = graph(batch)
        for size in BATCH_SIZES:
            for part, expected in zip(graph(batch[:size]), whole, strict=True):
                difference = np.abs(part - expected[:size]).mean()
                if not difference <= 1e-4 * max(1.0, np.abs(expected).max()):
                    raise QualityError(
                        f"{graph.path.name} of {model.card['name']} differs by {difference:.2e} "
                        f"in a batch of {size} from a larger one; nothing was written"
                    )


def time_ratios(model: Model, encoder: Encoder, decoder: Decoder) -> dict[str, dict[str, float]]:
    """How long a variant takes, in times of float32: encode and decode, for each of `ROWS`.

    Medians of both in turns, one thread each.
    """
    theirs = (
        Encoder(model.folder / "encoder.onnx", threads=1),
        Decoder(model.folder / "decoder.onnx", threads=1),
    )
    ratios: dict[str, dict[str, float]] = {"encode": {}, "decode": {}}
    for rows in ROWS:
        x = np.resize(model.test, (rows, *model.graphs.image_shape))
        z = theirs[0].encode(x)
        out = theirs[1].decode(z) if rows > 1 else None  # for a single row it only costs

        def encode(side: Encoder, x: Array = x) -> object:
            return side.encode(x)

        def decode(side: Decoder, z: Array = z, out: Array | None = out) -> object:
            return side.decode(z, out)

        ratios["encode"][str(rows)] = in_turns(partial(encode, encoder), partial(encode, theirs[0]))
        ratios["decode"][str(rows)] = in_turns(partial(decode, decoder), partial(decode, theirs[1]))
    return ratios


def in_turns(ours: Callable[[], object], theirs: Callable[[], object]) -> float:
    """Ratio of the median times of two calls, measured in turns."""
    repeats = max(1, round(SECONDS / min(_seconds(ours, 2), _seconds(theirs, 2))))
    times = [(_seconds(ours, repeats), _seconds(theirs, repeats)) for _ in range(ROUNDS)]
    first, second = (statistics.median(each) for each in zip(*times, strict=True))
    return float(round(first / second, 2))


def _seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def machine() -> str:
    """Describe what the times were measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        told = dict(line.partition(":")[::2] for line in lines if ":" in line)
        told = {key.strip(): value.strip() for key, value in told.items()}
    except OSError:  # not Linux
        told = {}
    name = told.get("model name") or platform.processor() or platform.machine()
    wanted = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "asimddp", "i8mm")
    flags = (told.get("flags") or told.get("Features") or "").split()
    features = ", ".join(flag for flag in wanted if flag in flags)
    return (
        f"{name}{f' ({features})' if features else ''}, {platform.system()} {platform.machine()}, "
        f"onnxruntime {ort.__version__}, one thread."
    )


def write(
    model: Model, made: dict[Variant, dict[str, bytes]], told: dict[Variant, dict[str, Any]]
) -> None:
    """Write variants and card: all files are complete before the first takes its place."""
    card = {**model.card, "variants": {**model.card.get("variants", {}), **told}}
    with model_files.replacing(model.folder) as folder:
        model_files.copy(model.folder, folder)
        for files in made.values():
            for name, content in files.items():
                (folder / name).write_bytes(content)
        write_card(folder, card)


HEADER: Final = [
    "model",
    "loss, nats",
    "change",
    "size",
    *(f"{operation} {rows:,}" for operation in ("decode", "encode") for rows in ROWS),
]


def row(name: str, told: dict[str, Any], made: dict[str, bytes]) -> list[str]:
    """A line of the table: loss, what the variant adds to it, file size, and time ratios."""
    ratios = told["time_ratio"]
    return [
        f"`{name}`",
        f"{told['metrics']['total']:.2f}",
        markdown.signed(told["total_change"]),
        f"{sum(map(len, made.values())) / 1e6:.2f} MB",
        *(f"{ratios[what][str(rows)]:.2f}" for what in ("decode", "encode") for rows in ROWS),
    ]


def line(name: str, variant: Variant, told: dict[str, Any], dry_run: bool) -> str:
    """What the command says of a variant."""
    decode = told["time_ratio"]["decode"]
    return (
        f"{name} {variant}: {told['total_change']:+.4f} nats per image, decodes {ROWS[-1]:,} rows "
        f"in {decode[str(ROWS[-1])]:.2f} and one in {decode['1']:.2f} of the time of float32"
        f"{', not written' if dry_run else ''}"
    )


def _open(protos: dict[str, onnx.ModelProto], folder: Path) -> tuple[Encoder, Decoder]:
    for side, proto in protos.items():
        (folder / f"{side}.onnx").write_bytes(proto.SerializeToString(deterministic=True))
    return Encoder(folder / "encoder.onnx", threads=1), Decoder(folder / "decoder.onnx", threads=1)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
