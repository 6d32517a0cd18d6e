"""Evaluated runs side by side in one table."""

from collections.abc import Sequence
from pathlib import Path

from export import markdown, writing
from export.errors import ConfigError
from export.networks.autoencoder import parameters
from export.networks.building import build
from export.training import record
from export.training.record import Run


def compare(folders: Sequence[Path], out: Path | None = None) -> str:
    """Print the comparison of runs, and write it to `out` where that is given.

    Args:
        folders: run folders, a column each.
        out: Markdown file.

    Returns:
        The table, in Markdown.

    Raises:
        ConfigError: no run is given.
        FileNotFoundError: a run is missing or has not been evaluated.
        RunError: a file of a run is damaged.
    """
    if not folders:
        raise ConfigError("compare takes at least one run folder, got none")
    text = table([record.read(folder) for folder in folders])
    if out is not None:
        writing.write_text(out, text)
    print(text)
    return text


def table(compared: Sequence[Run]) -> str:
    """Lay out runs as columns of a Markdown table; losses in nats per image."""
    columns = [_column(run) for run in compared]
    rows = [[name, *(column[name] for column in columns)] for name in columns[0]]
    rows = [row for row in rows if set(row[1:]) != {"-"}]  # what none of them has
    return markdown.table(["nats per image", *(run.folder.as_posix() for run in compared)], rows)


def _column(run: Run) -> dict[str, str]:
    best = record.best_epoch(run.history)
    seconds = sum(entry["seconds"] for entry in run.history) / len(run.history)
    metrics = run.metrics
    has = metrics.keys()
    return {
        "model": run.config.model_name,
        "parameters": f"{parameters(build(run.config)):,}",
        "epochs": str(len(run.history)),
        "best epoch": str(best["epoch"]),
        "validation, best epoch": f"{best['validation']['loss']:.2f}"
        + (" (trained on)" if run.config.train_on == "all" else ""),
        "test, total": f"{metrics['total']:.2f} ± {metrics['standard_error']:.2f}",
        "test, recon": f"{metrics['recon']:.2f}",
        "test, kld": f"{metrics['kld']:.2f}" if "kld" in metrics else "-",
        "test, exact -log p(x)": f"{-metrics['log_px']:.2f}" if "log_px" in has else "-",
        "test, inference gap": f"{metrics['inference_gap']:.2f}" if "inference_gap" in has else "-",
        "test, active units": str(metrics.get("active_units", "-")),
        "the floor: entropy of the test pixels": f"{metrics['floor']:.2f}"
        if "floor" in has
        else "-",
        "test, bits per dimension": f"{metrics['bits_per_dim']:.3f}"
        if "bits_per_dim" in has
        else "-",
        "test, squared error per pixel": f"{metrics['mse']:.4f}" if "mse" in has else "-",
        "seconds per epoch": f"{seconds:.1f}",
    }
