import pytest
import torch
from torch.utils.data import DataLoader, Subset

from export.config import Config
from export.data.shards import Shard
from export.experiments import plain, speedrun
from export.experiments.speedrun import Result
from export.networks.building import build
from export.recipes import MLP_RECIPES
from export.training.distributed import Group
from export.training.objective import Objective


@pytest.mark.parametrize("compiles", [True, False])
def test_a_speedrun_times_all_and_scores_ours(monkeypatch, capsys, data_dir, compiles):
    def compiled(function):
        if compiles:
            return function
        raise RuntimeError("there is no compiler\nat all")

    monkeypatch.setattr(torch, "compile", compiled)
    small = {"epochs": 2, "hidden_dim": 4, "batch_size": 5000, "train_on": "all"}
    monkeypatch.setitem(MLP_RECIPES, "speed", {**MLP_RECIPES["speed"], **small})
    few = speedrun.load(Config(**MLP_RECIPES["speed"]), data_dir, Group(torch.device("cpu")))
    few = few._replace(train=Shard(few.train.pixels[:12_000]))
    real = speedrun.report_loader(data_dir)
    assert len(real.dataset) == 50_000
    some = DataLoader(Subset(real.dataset, range(256)), batch_size=128)
    monkeypatch.setattr(speedrun, "report_loader", lambda data_dir: some)
    monkeypatch.setattr(speedrun, "load", lambda *_: few)
    results = speedrun.speedrun([3, 4], data_dir)
    assert [result.seed for result in results] == [3, 4]
    assert results[0].total != results[1].total
    printed = capsys.readouterr().out
    for result in results:
        assert 261.1 < result.total < 600
        assert len(result.epochs) == 3 + compiles
        assert all(seconds > 0 for seconds in result.epochs.values())
    assert f" {results[0].total:.2f} |" in printed
    assert "0 of 2 reach the report's 261.10 nats on the test set" in printed
    assert ("torch.compile fails here: there is no compiler\n" in printed) != compiles


def test_the_tables_count_who_reached_the_report_and_by_what_chance():
    epochs = {"theirs": 6.0, "ours": 2.0}
    results = [
        Result(0, 20.0, 261.10, epochs),
        Result(1, 30.0, 261.11, epochs),
        Result(2, 10.0, 261.00, epochs),
    ]
    page = speedrun.tables(results)
    rows = {
        cells[1].strip(): cells[2:-1]
        for cells in (r.split("|") for r in page.splitlines() if "|" in r)
    }
    assert [cell.strip() for cell in rows["theirs"]] == ["6.00 s", "300 s", "15.0"]
    assert [cell.strip() for cell in rows["ours"]] == ["2.00 s", "100 s", "5.0"]
    assert "2 of 3 reach" in page
    assert "mean is 261.070" in page
    # t = -0.03 / (0.0608 / sqrt 3) = -0.854 with 2 degrees of freedom
    assert "p = 0.2 " in page
    assert "p =" not in speedrun.tables(results[:1])


@pytest.mark.parametrize("how", ["report", "careful"])
def test_a_plain_loop_is_a_real_training(monkeypatch, data_dir, how):
    models = []
    monkeypatch.setattr(plain, "build", lambda config: models.append(build(config)) or models[0])
    some = Subset(plain.report_loader(data_dir).dataset, range(1280))
    config = Config(**MLP_RECIPES["report"])
    x = torch.stack([image.flatten() for image, _ in some])
    if how == "report":
        plain.report_epoch(DataLoader(some, batch_size=128))
    else:
        plain.careful(x)()
    before, after = (
        Objective(model, config)(x, x, torch.zeros(1, len(x), 2))[0].item()
        for model in (build(config), models[0])
    )
    assert after < before - 100


@pytest.mark.parametrize("moves", [0, 1])
def test_the_floor_counts_products(monkeypatch, moves):
    monkeypatch.setattr(speedrun, "SIDE", 64)
    monkeypatch.setattr(speedrun, "seconds", lambda call: 1.0)
    products = 9 if moves else 5
    floor = speedrun.matmul_seconds(1000, Config(moves=moves))
    assert floor == pytest.approx(products * 1000 * 784 * 400 / 64**3)
