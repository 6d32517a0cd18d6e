"""Which pictures are trained on, and which are held out."""

import re
import shutil

import numpy as np
import pytest

from export.config import Config
from export.data import datasets
from export.errors import DataError


def load(root):
    return datasets.load(Config(dataset=f"folder:{root}", image_size=9))


def rows(split):
    return {row.numpy().tobytes() for row in split.x}


def sizes(loaded):
    return len(loaded.train), len(loaded.validation), len(loaded.test)


def test_chance_splits_a_folder_whole_fixed_and_disjoint(tmp_path, draw_pictures):
    draw_pictures(tmp_path / "a", 20, 60)
    draw_pictures(tmp_path / "b", 20, 200)
    loaded, again = load(tmp_path), load(tmp_path)
    assert sizes(loaded) == (32, 4, 4)
    parts = [loaded.train, loaded.validation, loaded.test]
    assert len(set.union(*map(rows, parts))) == 40
    assert (loaded.test.x == again.test.x).all()
    assert loaded.test.class_names == ("a", "b")


def test_the_split_stays_when_files_are_renamed_or_the_folder_moves(tmp_path, draw_pictures):
    draw_pictures(tmp_path / "one" / "a", 30)
    test = load(tmp_path / "one").test.x
    shutil.move(tmp_path / "one", tmp_path / "other")
    for path in (tmp_path / "other" / "a").iterdir():
        path.rename(path.with_name(f"renamed-{100 - int(path.stem)}.png"))
    assert (load(tmp_path / "other").test.x == test).all()


def test_folders_that_are_split_are_trained_on_as_they_are(tmp_path, draw_pictures):
    for part, count in (("train", 20), ("val", 5), ("test", 3)):
        draw_pictures(tmp_path / part / "a", count, 60, seed=count)
        draw_pictures(tmp_path / part / "b", count, 200, seed=count)
    loaded = load(tmp_path)
    assert sizes(loaded) == (40, 10, 6)
    assert loaded.test.labels.bincount().tolist() == [3, 3]
    assert rows(loaded.test).isdisjoint(rows(loaded.train) | rows(loaded.validation))


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"train": 30, "test": 7}, (27, 3, 7)),
        ({"train": 30, "validation": 7}, (27, 7, 3)),
        ({"train": 30}, (24, 3, 3)),
    ],
)
def test_a_part_that_is_missing_comes_out_of_train(tmp_path, draw_pictures, parts, expected):
    for number, (part, count) in enumerate(parts.items()):
        draw_pictures(tmp_path / part, count, seed=number)
    loaded = load(tmp_path)
    assert sizes(loaded) == expected
    assert loaded.train.class_names == (tmp_path.name,)


def test_pictures_to_test_with_are_never_trained_on(tmp_path, draw_pictures, capsys):
    draw_pictures(tmp_path / "train", 30)
    draw_pictures(tmp_path / "test", 5, seed=1)
    shutil.copy(tmp_path / "train" / "7.png", tmp_path / "test" / "copy.png")
    loaded = load(tmp_path)
    assert sizes(loaded) == (27, 2, 6)
    assert rows(loaded.test).isdisjoint(rows(loaded.train) | rows(loaded.validation))
    said = "1 picture to train on or validate with left out, being held out byte for byte as well"
    assert f"{said} (train/7.png is test/copy.png)" in capsys.readouterr().err


def test_copies_stay_together(tmp_path, draw_pictures, capsys):
    draw_pictures(tmp_path, 40)
    for number in range(20):
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"copy-{number}.png")
    loaded = load(tmp_path)
    assert sum(sizes(loaded)) == 60
    parts = [rows(loaded.train), rows(loaded.validation), rows(loaded.test)]
    assert [len(part) for part in parts] == [32, 4, 4]
    assert len(set.union(*parts)) == 40
    assert (
        "20 pictures byte for byte like another: kept on the same side" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": 15, "test": 9}, "at least 20 pictures to train on, .*got 15"),
        ({"train": 30, "test": 1}, "sets 1 picture aside for test, which are too few"),
    ],
)
def test_too_few_are_refused(tmp_path, draw_pictures, parts, message):
    for number, (part, count) in enumerate(parts.items()):
        draw_pictures(tmp_path / part, count, seed=number)
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_copies_alone_are_too_few(tmp_path, draw_pictures):
    draw_pictures(tmp_path, 1)
    for number in range(1, 40):
        shutil.copy(tmp_path / "0.png", tmp_path / f"{number}.png")
    message = re.escape("got 1 (39 more are byte for byte the same)")
    with pytest.raises(DataError, match=message):
        load(tmp_path)


def test_a_picture_is_as_it_is_in_the_folder(tmp_path, draw_pictures):
    draw_pictures(tmp_path / "train", 20)
    draw_pictures(tmp_path / "test", 2, level=250, seed=1)
    assert load(tmp_path).test.x.mean() > np.float32(0.8)
