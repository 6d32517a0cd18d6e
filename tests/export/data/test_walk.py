"""Which files of a folder are taken, and what is said of the others."""

import os
import shutil

import pytest
from PIL import Image

from export.data import walk
from export.data.walk import once


def found(root):
    files, left = walk.walk(root)
    return [file.name for file in once(files, left)], left


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


@pytest.mark.parametrize(
    "folder",
    [
        *(".git", ".ipynb_checkpoints", ".Trash-1000", "@eaDir", "__MACOSX", "lost+found"),
        *("$RECYCLE.BIN", "$Recycle.Bin", "#recycle", "#snapshot", "System Volume Information"),
        "__pycache__",
    ],
)
def test_hidden_and_system_folders_are_no_classes(tmp_path, folder):
    touch(tmp_path, "dark/1.png", f"{folder}/2.png", f"dark/{folder}/deep/3.png")
    names, left = found(tmp_path)
    assert names == ["dark/1.png"]
    assert sorted(left.hidden_folders) == sorted([folder, f"dark/{folder}"])
    (line,) = left.lines()
    assert line.startswith("2 hidden or system folders (")


@pytest.mark.parametrize("name", ["._1.png", ".DS_Store", "Thumbs.db", "desktop.ini", "~$a.png"])
def test_hidden_and_system_files_are_no_pictures(tmp_path, name):
    touch(tmp_path, "1.png", name)
    names, left = found(tmp_path)
    assert names == ["1.png"]
    assert left.lines() == [f"1 hidden or system file ({name})"]


def test_the_named_folder_itself_may_be_hidden_or_a_link(tmp_path):
    touch(tmp_path, ".cache/pictures/1.png")
    (tmp_path / "link").symlink_to(tmp_path / ".cache")
    assert found(tmp_path / ".cache")[0] == ["pictures/1.png"]
    assert found(tmp_path / "link")[0] == ["pictures/1.png"]


def test_other_files_are_left_by_suffix_and_pictures_of_other_formats_with_a_remedy(tmp_path):
    touch(tmp_path, *(f"{i}.HEIC" for i in range(12)), "a.svg", "b.dng", "c.jxl", "1.jpg")
    touch(
        tmp_path, "a.pdf", "b.pdf", "c.h5", "d.mpg", "e.grib", "f.bufr", "g.emf", "labels", "2.ps"
    )
    os.mkfifo(tmp_path / "pipe.png")
    names, left = found(tmp_path)
    assert names == ["1.jpg"]
    others, pictures = left.lines()
    assert others.startswith("10 other files (2 .pdf, ")
    assert left.others["no regular file"] == left.others[""] == left.others[".grib"] == 1
    assert pictures == (
        "15 pictures in formats that are not read (12 .heic, 1 .dng, 1 .jxl, 1 .svg): "
        "save them as PNG or JPEG"
    )


def test_a_format_that_this_pillow_lacks_is_left_with_the_remedy(tmp_path, monkeypatch):
    touch(tmp_path, "1.avif", "2.png")
    monkeypatch.delitem(Image.registered_extensions(), ".avif", raising=False)
    names, left = found(tmp_path)
    assert names == ["2.png"]
    assert left.other_pictures == {".avif": 1}


def test_links_to_folders_and_files_are_followed(tmp_path):
    touch(tmp_path, "store/a/1.png", "store/2.png", "data/real/3.png")
    (tmp_path / "data" / "linked").symlink_to(tmp_path / "store" / "a")
    (tmp_path / "data" / "real" / "4.png").symlink_to(tmp_path / "store" / "2.png")
    names, left = found(tmp_path / "data")
    assert names == ["linked/1.png", "real/3.png", "real/4.png"]
    assert left.lines() == []


def test_a_picture_reached_twice_is_there_once_by_the_name_without_a_link(tmp_path):
    touch(tmp_path, "dark/1.png", "dark/2.png")
    (tmp_path / "aaa").symlink_to("dark")
    (tmp_path / "dark" / "0.png").symlink_to("2.png")
    files, left = walk.walk(tmp_path)
    names = [file.name for file in once(sorted(files, key=lambda file: file.linked), left)]
    assert names == ["dark/1.png", "dark/2.png"]
    assert left.again == ["aaa is dark", "dark/0.png is dark/2.png"]
    assert left.lines() == [
        "2 second names of what is counted already (aaa is dark, dark/0.png is dark/2.png)"
    ]


def test_links_in_circles_come_to_an_end(tmp_path):
    touch(tmp_path, "a/1.png", "b/2.png")
    (tmp_path / "a" / "to-b").symlink_to("../b")
    (tmp_path / "b" / "to-a").symlink_to("../a")
    (tmp_path / "b" / "up").symlink_to("..")
    names, left = found(tmp_path)
    assert names == ["a/1.png", "b/2.png"]
    assert sorted(left.again) == ["a/to-b is b", "b/to-a is a", f"b/up is {tmp_path}"]


def test_links_that_lead_nowhere_are_told(tmp_path):
    touch(tmp_path, "1.png")
    (tmp_path / "2.png").symlink_to("gone.png")
    (tmp_path / "self.png").symlink_to("self.png")
    names, left = found(tmp_path)
    assert names == ["1.png"]
    assert left.lines() == ["2 broken links (2.png, self.png)"]


def test_names_that_are_no_text_can_be_said(tmp_path):
    touch(tmp_path, os.fsdecode(b"caf\xe9/.hidden"), os.fsdecode(b"caf\xe9/1.png"))
    names, left = found(tmp_path)
    assert len(names) == 1
    assert left.lines() == ["1 hidden or system file (caf\ufffd/.hidden)"]
    shutil.rmtree(tmp_path / os.fsdecode(b"caf\xe9"))
