"""`python -m export COMMAND`: train, evaluate, draw, compare, freeze into ONNX, report."""

# Each command imports what it runs, so that --help does not wait for torch.

import io
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal, get_args

try:
    import tyro
except ModuleNotFoundError:
    sys.exit("error: training needs packages of its own; `make install` brings them into .venv")

from export.choices import DRAWS, Device, Variant
from export.config import Config, Recipe
from export.errors import ConfigError, DivergedError, UserError
from export.recipes import RECIPES, RecipeName, options
from export.triton.configuration import Batching
from vae_onnx import terminal

FlatConfig = tyro.conf.FlagCreatePairsOff[tyro.conf.OmitArgPrefixes[Config]]
FlatBatching = tyro.conf.OmitArgPrefixes[Batching]
FlatRecipe = tyro.conf.FlagCreatePairsOff[tyro.conf.OmitArgPrefixes[Recipe]]
Flag = tyro.conf.FlagCreatePairsOff[bool]
Folder = tyro.conf.Positional[Path]
OptionalPath = Annotated[Path | None, tyro.conf.arg(metavar="PATH")]
Place = Annotated[str | None, tyro.conf.arg(metavar="folder:PATH")]


def train(
    config: FlatConfig,
    out: Path,
    recipe: RecipeName = "best",
    data_dir: OptionalPath = None,
    device: Device = "auto",
    resume: Flag = False,
    tensorboard: Flag = False,
) -> None:
    """Train one model into a run folder; with torchrun, several processes train it together.

    Args:
        config: What to train.
        out: Run folder to write; refused if something is in it.
        recipe: Options that are not given are as in this recipe: "best" is the network's best;
            of an mlp, "report" is what the published report did, and "speed" what comes to its
            result soonest.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        device: Where to train; "auto" takes a GPU where there is one.
        resume: Go on with the run in --out after its last finished epoch, or begin where there is
            none.
        tensorboard: Write event files into OUT/tensorboard, for `tensorboard --logdir OUT`.
    """
    del recipe  # `main` has written it out
    from export.training.run import run

    run(config, out, data_dir, device, resume, tensorboard)


def evaluate(
    run: Folder,
    data_dir: OptionalPath = None,
    dataset: Place = None,
    draws: int = DRAWS,
    k: int = 100,
    seed: int = 0,
) -> None:
    """Score the best checkpoint of a run on the test set; writes metrics.json into the run.

    Args:
        run: Run folder.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        dataset: Where the pictures are that it was trained on, if they have moved: folder:PATH.
        draws: Samples of a VAE's noise per image for the ELBO.
        k: Samples per image for the importance-weighted log p(x).
        seed: Of either noise.
    """
    from export.report.evaluate import evaluate

    evaluate(run, data_dir, draws, k, seed, dataset)


def figures(
    vae: Folder, ae: Folder, out: Path, data_dir: OptionalPath = None, dataset: Place = None
) -> None:
    """Draw the figures of a VAE and an AE of the same data set.

    Args:
        vae: Run folder of the VAE.
        ae: Run folder of the AE.
        out: Folder to write the pictures to.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        dataset: Where the pictures are that they were trained on, if these have moved: folder:PATH.
    """
    from export.report.figures import write

    write(vae, ae, out, data_dir, dataset)


def compare(runs: tyro.conf.Positional[tuple[Path, ...]], out: OptionalPath = None) -> None:
    """Put evaluated runs side by side in one table.

    Args:
        runs: Run folders, a column each.
        out: Markdown file to write the table to as well.
    """
    from export.report.compare import compare

    compare(runs, out)


def onnx(
    run: Folder,
    out: Path,
    data_dir: OptionalPath = None,
    dataset: Place = None,
    licence: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
) -> None:
    """Freeze the best checkpoint of a run into encoder.onnx and decoder.onnx.

    Args:
        run: Run folder.
        out: Folder of the model to write.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        dataset: Where the pictures are that it was trained on, if they have moved: folder:PATH.
        licence: What the graphs state as their licence, of pictures in a folder: "Apache-2.0".
    """
    from export.graphs.model_folder import export_run

    export_run(run, out, data_dir, dataset, licence)


def quantize(
    models: tyro.conf.Positional[tuple[Path, ...]],
    precision: tuple[Variant, ...] = ("float16", "int8"),
    limit: float = 0.2,
    dataset: Place = None,
    page: OptionalPath = None,
    data_dir: OptionalPath = None,
    dry_run: Flag = False,
) -> None:
    """Write encoder.int8.onnx and the like beside the graphs of models; measure loss and speed.

    Args:
        models: Model folders, as `onnx` writes them.
        precision: Numbers to go to: "float16" weights are half as large and computed with in
            float32, "int8" is a quarter as large and computes the large products in 8 bits.
        limit: Nats per image that a model may lose on the test set; else nothing is written. A
            convolutional one may lose 0.5 dB of its reconstructions.
        dataset: Where the pictures are, of models of pictures in a folder: folder:PATH.
        page: Markdown file to write tables to, between <!-- int8 --> and <!-- /int8 -->, likewise
            float16.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        dry_run: Measure alone, and write nothing into the folders.
    """
    from export.lowprecision.quantize import quantize

    quantize(models, precision, limit, dataset, data_dir, page, dry_run)


def drawing(out: Path) -> None:
    """Write drawing.onnx, the graph that turns a drawing into what the models take.

    Args:
        out: File to write.
    """
    from export.graphs.drawing import write

    write(out)


def golden(
    out: Path = Path("tests/golden"),
    images: Path = Path("tests/runtime/images.npz"),
    graphs: Path = Path("tests/runtime/graphs"),
) -> None:
    """Write golden vectors of the bundled models, which other hosts of the graphs are tested with.

    Args:
        out: Folder to write.
        images: .npz archive of test images, an array for each data set.
        graphs: Where the folders of the tiny models are, of colours and of other shapes.
    """
    from export.graphs.golden import write

    write(out, images, graphs)


def c_source(
    model: tyro.conf.Positional[str],
    out: OptionalPath = None,
    precision: Literal["float32", "int8"] = "float32",
    data_dir: OptionalPath = None,
    dataset: Place = None,
) -> None:
    """Write a model as one C99 header that needs no library: weights, encode, decode, reconstruct.

    Args:
        model: Name of a bundled model, or a folder with encoder.onnx and decoder.onnx.
        out: File to write; else the model's name with the suffix .h, in this folder.
        precision: Of the two large matrices; what int8 costs is measured and stated in the header.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        dataset: Where the pictures are, of a model of pictures in a folder: folder:PATH.
    """
    from export.c99.header import write

    write(model, out, precision, data_dir, dataset)


def triton(
    model: tyro.conf.Positional[str],
    out: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DIR")],
    batching: FlatBatching,
    name: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None,
    precision: Literal["float32", "float16", "int8"] = "float32",
) -> None:
    """Write a model repository for NVIDIA's Triton: encoder, decoder, and both in a row.

    Args:
        model: What `vae_onnx.load` takes: a bundled name, a model folder, or hf://owner/repo.
        out: Repository to write; refused if something is in it.
        batching: How Triton shares out the work.
        name: What to call the model; by default as its graphs do.
        precision: Which of the model's graphs to take.
    """
    from export.triton.repository import write

    write(model, out, batching, name, precision)


def all_(
    config: FlatRecipe,
    out: Path,
    recipe: RecipeName = "best",
    models: OptionalPath = None,
    data_dir: OptionalPath = None,
    device: Device = "auto",
    resume: Flag = False,
) -> None:
    """Do everything for one data set: train VAE and AE, evaluate, draw, compare, freeze.

    Args:
        config: What to train.
        recipe: Options that are not given are as in this recipe: "best" is the network's best;
            of an mlp, "report" is what the published report did, and "speed" what comes to its
            result soonest.
        out: Folder to write vae/, ae/, figures/ and comparison.md to.
        models: Folder to write the graphs to, a folder for each model; else OUT/models.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        device: Where to train; "auto" takes a GPU where there is one.
        resume: Go on with what is in --out.
    """
    del recipe  # `main` has written it out
    from export.graphs.model_folder import export_run
    from export.report.compare import compare
    from export.report.evaluate import evaluate
    from export.report.figures import write
    from export.training import resuming
    from export.training.run import run

    configs = [Config(**asdict(config), kind="vae"), Config(**asdict(config), kind="ae")]
    for config in configs:  # both before the first, which takes minutes
        resuming.check(out / config.kind, config, resume)
    for config in configs:
        run(config, out / config.kind, data_dir, device, resume)
        evaluate(out / config.kind, data_dir)
    write(out / "vae", out / "ae", out / "figures", data_dir)
    compare((out / "vae", out / "ae"), out / "comparison.md")
    for config in configs:
        export_run(out / config.kind, (models or out / "models") / config.model_name, data_dir)


def report(runs: tuple[Path, ...], out: Path = Path("docs/report.md")) -> None:
    """Write the report, ours beside the published one, from the files of finished runs.

    Args:
        runs: Folders written by `all`, one for each data set.
        out: Markdown file to write; the pictures go to figures/ beside it.
    """
    from export.report.page import write

    write(runs, out)


def speedrun(
    seeds: tuple[int, ...] = tuple(range(12)),
    page: OptionalPath = None,
    data_dir: OptionalPath = None,
    device: Device = "auto",
) -> None:
    """Time how long the report's result on Fashion-MNIST takes, beside loops without ours.

    Args:
        seeds: Of the runs, one after another; before each, an epoch of every other loop.
        page: Markdown file to write to, between <!-- speedrun --> and <!-- /speedrun -->.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        device: Where both train; "auto" takes a GPU where there is one.
    """
    from export.experiments.speedrun import speedrun

    speedrun(seeds, data_dir, page, device)


def ablation(
    config: FlatConfig,
    out: Path,
    page: OptionalPath = None,
    data_dir: OptionalPath = None,
    device: Device = "auto",
) -> None:
    """Train variations of a recipe, each in one option, and compare their validation losses.

    Args:
        config: What to vary.
        out: Folder for the runs; finished ones are not trained again.
        page: Markdown file to write the table to, between <!-- ablation --> and <!-- /ablation -->.
        data_dir: Folder of the data sets; else $VAE_ONNX_DATA, else ./data.
        device: Where to train; "auto" takes a GPU where there is one.
    """
    from export.experiments.ablation import ablate

    ablate(config, out, page, device, data_dir)


def push(
    model: Folder,
    repository: tyro.conf.Positional[str],
    private: Flag = False,
    revision: Annotated[str | None, tyro.conf.arg(metavar="BRANCH")] = None,
    message: Annotated[str | None, tyro.conf.arg(metavar="TEXT")] = None,
    dry_run: Flag = False,
) -> None:
    """Upload a model folder to the Hugging Face Hub, with a model card, in one commit.

    Args:
        model: Model folder, as `onnx` writes it.
        repository: OWNER/REPO on the Hub; made if there is none.
        private: Nobody else may see it.
        revision: Branch to write to, made if there is none; else the default branch.
        message: Of the commit.
        dry_run: Write the card, README.md, into the model folder, list the files, and send nothing.
    """
    from export.hub.push import push

    push(model, repository, private, revision, message, dry_run)


COMMANDS: dict[str, Callable[..., None]] = {
    "train": train,
    "evaluate": evaluate,
    "figures": figures,
    "compare": compare,
    "onnx": onnx,
    "quantize": quantize,
    "drawing": drawing,
    "golden": golden,
    "c-source": c_source,
    "triton": triton,
    "all": all_,
    "report": report,
    "speedrun": speedrun,
    "ablation": ablation,
    "push": push,
}


def with_recipe(arguments: list[str]) -> list[str]:
    """Write out the options of `--recipe`, before all others, which overrule them.

    Raises:
        ConfigError: the network has no such recipe.
    """
    if arguments[:1] not in (["train"], ["all"], ["ablation"]):
        return arguments
    network, name = _given(arguments, "--network", "mlp"), _given(arguments, "--recipe", "best")
    if network not in RECIPES or name not in get_args(RecipeName):
        return arguments  # what is wrong with it, the parser says
    if name not in RECIPES[network]:
        raise ConfigError(
            f"--network {network} has the recipe {', '.join(RECIPES[network])}, got {name}"
        )
    return [*arguments[:1], *shlex.split(options(RECIPES[network][name])), *arguments[1:]]


def _given(arguments: list[str], option: str, default: str) -> str:
    """The value of an option, the last as the parser has it."""
    words = [word for argument in arguments for word in argument.split("=", 1)]
    return [default, *(value for name, value in pairwise(words) if name == option)][-1]


@terminal.plain()
def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a piped log, too, shows each epoch in time
    first = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun starts
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        arguments = with_recipe(arguments)
        if os.environ.get("WORLD_SIZE", "1") != "1" and arguments[:1] != ["train"]:
            raise ConfigError(
                "torchrun starts several processes, which `train` alone knows to share"
            )
        tyro.extras.subcommand_cli_from_dict(
            COMMANDS,
            prog="python -m export",
            description=__doc__,
            args=arguments or ["--help"],
            config=[tyro.conf.PositionalMetavarFromFieldName],
        )
    except KeyboardInterrupt as stop:
        if first:
            print(str(stop) or "stopped", file=sys.stderr)
        return 130
    except DivergedError as error:  # comes to all processes alike
        if first:
            print(f"error: {error}", file=sys.stderr)
        return 1
    except (UserError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
