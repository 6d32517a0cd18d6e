"""Whether a folder is what it was."""

from export.data.fingerprint import Fingerprint


def of(files, class_names=("a", "b")):
    return Fingerprint(files, class_names, {})


BEFORE = {"a/1.png": "x", "a/2.png": "y", "b/3.png": "z"}


def test_names_within_a_folder_and_ways_to_write_them_do_not_matter():
    same = of({"b/9.png": "z", "a/2.png": "x", "a/1.jpg": "y"})
    assert same.digest == of(BEFORE).digest
    assert of(BEFORE).changes(same) == ""
    composed, decomposed = of({"caf\u00e9/1.png": "x"}), of({"cafe\u0301/1.png": "x"})
    assert composed.digest == decomposed.digest


def test_what_has_changed_is_named():
    now = of({"a/1.png": "new", "b/2.png": "y", "c/4.png": "w"}, ("a", "b", "c"))
    assert now.digest != of(BEFORE).digest
    assert of(BEFORE).changes(now) == (
        "1 class is new (c); 1 picture is new (c/4.png); 1 picture is gone (b/3.png); "
        "1 picture is changed (a/1.png); 1 picture is in another folder (a/2.png, now b/2.png)"
    )
    assert "1 class is gone (c)" in now.changes(of(BEFORE))


def test_a_copy_more_is_a_change():
    now = of({**BEFORE, "a/copy.png": "x"})
    assert now.digest != of(BEFORE).digest
    assert of(BEFORE).changes(now).startswith("1 picture is new (a/")


def test_many_names_are_cut():
    now = of({**BEFORE, **{f"a/{number}.png": str(number) for number in range(10, 20)}})
    assert of(BEFORE).changes(now) == "10 pictures are new (a/10.png, a/11.png, a/12.png, ...)"
