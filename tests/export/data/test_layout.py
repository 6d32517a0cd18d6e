"""What the folders of pictures mean."""

import re
from pathlib import Path

import pytest

from export.data.layout import arrange, part_of
from export.data.walk import Left, walk
from export.errors import DataError


def lay_out(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return arrange(root, walk(root)[0], Left())


def told(pictures):
    return {one.name: (one.part, one.label) for one in pictures}


def test_folders_are_classes_and_pictures_in_none_have_none(tmp_path):
    assert told(lay_out(tmp_path, "cat/1.png", "dog/big/2.png", "3.png")) == {
        "3.png": (None, ""),
        "cat/1.png": (None, "cat"),
        "dog/big/2.png": (None, "dog/big"),
    }


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [
        ("train", "val", "test"),
        ("Train", "VALID", "Test"),
        ("Training", "validation", "Testing"),
        ("training_set", "val-data", "test_set"),
        ("train images", "valid_images", "testset"),
    ],
)
def test_a_split_is_used_as_such(tmp_path, train, validation, test):
    names = [f"{part}/{kind}/1.png" for part in (train, validation, test) for kind in ("a", "b")]
    assert told(lay_out(tmp_path, *names)) == {
        f"{folder}/{kind}/1.png": (part, kind)
        for folder, part in ((train, "train"), (validation, "validation"), (test, "test"))
        for kind in ("a", "b")
    }


def test_a_split_may_have_no_classes_or_lack_a_part(tmp_path):
    assert told(lay_out(tmp_path, "train/1.png", "test/2.png")) == {
        "train/1.png": ("train", ""),
        "test/2.png": ("test", ""),
    }


@pytest.mark.parametrize("name", ["trainer", "tests", "contest", "latest", "valley", "train2"])
def test_other_names_are_no_split(name):
    assert part_of(name) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/a/1.png", "test/a/2.png", "extra/3.png"], "beside that the folders extra"),
        (["test/1.png", "cat/2.png", "dog/3.png"], "holds test.*the folders cat, dog: move those"),
        (["train/a/1.png", "2.png"], r"beside that the pictures 2\.png"),
        (["train/1.png", "Training/2.png"], "holds Training and train, which are both for train"),
        (["val/1.png", "test/2.png"], "holds test, val, but no folder train"),
        (["train/a/1.png", "test/b/2.png"], "lacks a and has b besides"),
        (["train/a/1.png", "train/b/1.png", "val/a/2.png"], "lacks b; sort both"),
        (["train/a/1.png", "test/2.png"], "lacks a and has pictures of no class besides"),
        (["train/Cat/1.png", "test/cat/2.png"], "lacks Cat and has cat besides"),
        (["cat/train/1.png", "cat/test/2.png", "dog/test/3.png"], "holds cat/test, dog/test.*move"),
    ],
)
def test_what_could_mean_two_things_is_refused_by_name(tmp_path, names, message):
    with pytest.raises(DataError, match=message):
        lay_out(tmp_path, *names)


def test_a_split_further_down_is_refused_and_the_remedy_works(tmp_path):
    with pytest.raises(DataError, match="--dataset 'folder:") as caught:
        lay_out(tmp_path, "pets/train/a/1.png", "pets/test/a/2.png")
    (path,) = re.findall(r"--dataset 'folder:(.*)'", str(caught.value))
    root = Path(path)
    assert told(arrange(root, walk(root)[0], Left())) == {
        "train/a/1.png": ("train", "a"),
        "test/a/2.png": ("test", "a"),
    }


def test_the_remedy_for_other_classes_works(tmp_path):
    with pytest.raises(DataError, match="--dataset 'folder:") as caught:
        lay_out(tmp_path, "train/a/1.png", "test/2.png")
    (path,) = re.findall(r"--dataset 'folder:(.*)'", str(caught.value))
    root = Path(path)
    assert told(arrange(root, walk(root)[0], Left())) == {"a/1.png": (None, "a")}


def test_a_picture_linked_into_the_test_folder_is_tested_with_alone(tmp_path):
    lay_out(tmp_path, "train/a/1.png", "train/a/2.png", "test/a/3.png")
    (tmp_path / "test" / "a" / "4.png").symlink_to("../../train/a/2.png")
    left = Left()
    assert told(arrange(tmp_path, walk(tmp_path)[0], left)) == {
        "train/a/1.png": ("train", "a"),
        "test/a/3.png": ("test", "a"),
        "test/a/4.png": ("test", "a"),
    }
    assert left.again == ["train/a/2.png is test/a/4.png"]
