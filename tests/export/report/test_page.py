import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest

import vae_onnx
from export import markdown
from export.errors import ConfigError
from export.report import compare, figures, page
from export.training import record

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def drawn(tiny_run, data_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn")
    figures.write(tiny_run("vae"), tiny_run("ae"), out, data_dir)
    return out


@pytest.fixture
def pair(tiny_run, drawn, tmp_path):
    """A folder as `all` leaves it, with one run by the report's recipe; of the report's size."""
    folder = tmp_path / "fashion-mnist"
    for name, kind in (("vae", "vae"), ("ae", "ae"), ("vae-report", "vae")):
        shutil.copytree(tiny_run(kind), folder / name)
        resize(folder / name, 400)
    shutil.copytree(drawn, folder / "figures")
    return folder


def resize(run, hidden_dim):
    """Let a run say that its model has another size."""
    record.write_config(run, dataclasses.replace(record.read_config(run), hidden_dim=hidden_dim))


def cells(text, row):
    (line,) = re.findall(rf"^\| {re.escape(row)} +\|(.*)\|$", text, flags=re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


def test_the_report_puts_published_figures_beside_those_of_the_runs(pair, tmp_path):
    out = tmp_path / "docs" / "report.md"
    page.write([pair], out)
    text = out.read_text(encoding="utf-8")
    vae, ae = record.read(pair / "vae"), record.read(pair / "ae")

    first = page.short(vae.history[0]["train"])
    row, _ = re.findall(r"^\| epoch 1, training +\|(.*)\|$", text, flags=re.MULTILINE)
    assert [cell.strip() for cell in row.split("|")] == ["296.81 (289.86 + 6.95)", first, first]
    assert "268.83" in text
    _, test_row = re.findall(r"^\| test +\|(.*)\|$", text, flags=re.MULTILINE)
    assert [cell.strip() for cell in test_row.split("|")] == ["", f"{ae.metrics['total']:.2f}"]

    assert text.count("<details>") == text.count("</details>") == 3
    for entry in (*vae.history, *ae.history):
        assert page.short(entry["validation"]) in text
    for run in ("vae", "ae", "vae-report"):
        assert f"--out {(pair / run).as_posix()}\n" in text
        assert f"python -m export evaluate {(pair / run).as_posix()}" in text


def test_models_of_another_size_are_not_put_beside_the_published_figures(pair, tmp_path):
    for kind in ("vae", "ae"):
        resize(pair / kind, 399)
    page.write([pair], tmp_path / "report.md")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "published |" not in text
    assert "296.81" not in text


def test_a_larger_model_has_a_column_and_images_that_were_trained_on_are_called_so(pair, tmp_path):
    larger = shutil.copytree(pair / "vae", pair / "vae-16d")
    record.write_config(larger, dataclasses.replace(record.read_config(larger), latent_dim=16))
    plain = tmp_path / "plain.md"
    page.write([pair], plain)
    assert "fashion-mnist-vae-16d" in plain.read_text(encoding="utf-8")
    assert "trained on" not in plain.read_text(encoding="utf-8")
    config = record.read_config(pair / "vae")
    record.write_config(pair / "vae", dataclasses.replace(config, train_on="all"))
    page.write([pair], tmp_path / "seen.md")
    seen = (tmp_path / "seen.md").read_text(encoding="utf-8")
    assert page.SEEN in seen
    best = record.best_epoch(record.read(pair / "vae").history)["validation"]["loss"]
    assert cells(seen, "validation, best epoch")[0] == f"{best:.2f} (trained on)"


def test_two_runs_of_one_data_set_keep_their_own_pictures(pair, tmp_path):
    other = shutil.copytree(pair, tmp_path / "other")
    (other / "figures" / "reconstructions.png").write_bytes(b"another picture")
    page.write([pair, other], tmp_path / "docs" / "report.md")
    pictures = tmp_path / "docs" / "figures"
    assert (pictures / "other" / "reconstructions.png").read_bytes() == b"another picture"
    original = (pair / "figures" / "reconstructions.png").read_bytes()
    assert (pictures / pair.name / "reconstructions.png").read_bytes() == original


def test_convolutions_stand_beside_the_network_of_the_report(pair, tiny_run, tmp_path):
    out = tmp_path / "report.md"
    page.write([pair], out)
    assert "What convolutions are worth" not in out.read_text(encoding="utf-8")
    run = pair / "conv-2d"
    shutil.copytree(tiny_run("vae"), run)
    config = record.read_config(run)
    conv = dataclasses.replace(config, network="conv", hidden_dim=400, width=8)
    record.write_config(run, conv)
    page.write([pair], out)
    text = out.read_text(encoding="utf-8")
    assert "### What convolutions are worth" in text
    assert f"python -m export train {conv.flags()} --out {run.as_posix()}" in text
    models = re.findall(r"^\| model +\|(.*)\|$", text, flags=re.MULTILINE)[1]
    names = [cell.strip() for cell in models.split("|")]
    assert names == ["fashion-mnist-vae", "fashion-mnist-conv-vae"]


def test_every_picture_of_the_report_is_beside_it(pair, tmp_path):
    out = tmp_path / "docs" / "report.md"
    page.write([pair], out)
    links = re.findall(r"!\[.+\]\((.+)\)", out.read_text(encoding="utf-8"))
    assert len(links) == 9
    for link in links:
        assert link.startswith("figures/fashion-mnist/")
        copied = (out.parent / link).read_bytes()
        assert copied == (pair / "figures" / link.rpartition("/")[2]).read_bytes()


def test_the_same_runs_give_the_same_report(pair, tmp_path):
    first, second = (tmp_path / name / "report.md" for name in ("a", "b"))
    page.write([pair], first)
    page.write([pair], second)
    assert first.read_bytes() == second.read_bytes()


def test_a_run_that_is_not_evaluated_stops_the_report_before_it_is_written(pair, tmp_path):
    (pair / "ae" / record.METRICS).unlink()
    with pytest.raises(FileNotFoundError, match=r"`python -m export evaluate .*ae` writes it"):
        page.write([pair], tmp_path / "docs" / "report.md")
    assert not (tmp_path / "docs").exists()


def test_the_comparison(tiny_run, tmp_path, capsys):
    folders = [tiny_run("vae"), tiny_run("ae")]
    text = compare.compare(folders, tmp_path / "comparison.md")
    assert capsys.readouterr().out == text + "\n"
    assert (tmp_path / "comparison.md").read_text(encoding="utf-8") == text + "\n"
    vae, ae = map(record.read, folders)
    assert cells(text, "model") == ["fashion-mnist-vae", "fashion-mnist-ae"]
    assert cells(text, "parameters") == ["26,004", "25,970"]
    assert cells(text, "epochs") == ["3", "3"]
    assert cells(text, "test, recon") == [f"{run.metrics['recon']:.2f}" for run in (vae, ae)]
    assert cells(text, "test, kld") == [f"{vae.metrics['kld']:.2f}", "-"]


def test_there_is_nothing_to_compare():
    with pytest.raises(ConfigError, match="at least one run folder, got none"):
        compare.compare([])


def test_a_table_is_aligned():
    text = markdown.table(["name", "n"], [["a", "1"], ["long name", "1000"]])
    assert text.splitlines() == [
        "| name      |    n |",
        "| --------- | ---: |",
        "| a         |    1 |",
        "| long name | 1000 |",
    ]


def test_the_demo_shows_what_was_published():
    told = json.loads((ROOT / "demo" / "library" / "data" / "published.json").read_text())
    assert told == {f"{dataset}-{kind}": rows for (dataset, kind), rows in page.PUBLISHED.items()}


@pytest.mark.parametrize("name", [name for name in vae_onnx.models() if "mnist" in name])
def test_the_history_of_a_bundled_model_is_that_of_the_report(name):
    history = (vae_onnx.load(name).folder / "history.jsonl").read_text().splitlines()
    pages = (ROOT / "docs" / "report.md").read_text().splitlines()
    rows = {tuple(cell.strip() for cell in line.strip("|").split("|"))[2:4] for line in pages}
    for epoch in map(json.loads, history):
        assert (page.short(epoch["train"]), page.short(epoch["validation"])) in rows


def test_the_history_of_the_emoji_model_is_that_of_its_card():
    folder = vae_onnx.load("emoji-vae").folder
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    card = json.loads((folder / "card.json").read_text())
    assert [epoch["epoch"] for epoch in history] == list(range(1, card["config"]["epochs"] + 1))
    assert history[-1]["train"]["loss"] < history[0]["train"]["loss"] - 1000
