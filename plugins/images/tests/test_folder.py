"""The user's own pictures in folders of classes."""

import shutil

import numpy as np
import pytest
from PIL import Image

from fpt_images.tasks import Folder
from fpt_plugins import ConfigurationError, InputError
from fpt_plugins import options as task_options

SPLITS = ("train", "validation", "test")


def fill(folder, count, seed, side=8):
    """Pictures of noise, each another."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(seed)
    for index in range(count):
        pixels = generator.integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03}.png")


def pixels(path):
    return np.array(Image.open(path))


@pytest.fixture
def folder(tmp_path):
    """Forty pictures of two classes."""
    for seed, name in enumerate(("dog", "cat")):
        fill(tmp_path / "pictures" / name, 20, seed)
    return tmp_path / "pictures"


def task(path, **more):
    return Folder(path=path, size=8, **more)


def contents(data):
    return {picture.tobytes(): label for picture, label in data}


def test_classes_are_the_folders_in_order(folder):
    """Names are sorted, and each picture has its folder's place."""
    made = task(folder)
    assert made.target.names == ("cat", "dog")
    found = {}
    for split in SPLITS:
        found |= contents(made.split(split))
    paths = [*folder.glob("*/*.png")]
    assert found == {pixels(path).tobytes(): int(path.parent.name == "dog") for path in paths}
    assert [len(made.split(split)) for split in SPLITS] == [32, 4, 4]


def test_the_share_that_is_held_out(folder):
    """A quarter of forty pictures validates, a quarter tests."""
    assert [len(task(folder, held_out=0.25).split(split)) for split in SPLITS] == [20, 10, 10]


def test_file_names_do_not_matter_to_the_draw(folder, tmp_path):
    """The same pictures under other names are split alike."""
    before = {split: contents(task(folder).split(split)) for split in SPLITS}
    for path in [*folder.glob("*/*.png")]:
        path.rename(path.with_name(f"{999 - int(path.stem)}.png"))
    assert {split: contents(task(folder).split(split)) for split in SPLITS} == before


def test_a_copy_stays_with_its_picture(folder):
    """The same pixels in another format and in another class are in the same split."""
    for path in [*folder.glob("cat/*.png")]:
        Image.open(path).save(folder / "dog" / f"copy-{path.stem}.bmp")
    parts = [contents(task(folder, held_out=0.3).split(split)).keys() for split in SPLITS]
    assert sum(len(part) for part in parts) == 40
    assert len(set().union(*parts)) == 40


@pytest.fixture
def split_folders(tmp_path):
    """Ten pictures of each class in each of three splits."""
    for seed, name in enumerate(f"{split}/{kind}" for split in SPLITS for kind in ("cat", "dog")):
        fill(tmp_path / "pictures" / name, 10, seed)
    return tmp_path / "pictures"


def test_folders_of_splits_are_respected(split_folders):
    """Each split is its folder's pictures."""
    made = task(split_folders)
    assert made.target.names == ("cat", "dog")
    for split in SPLITS:
        paths = [*(split_folders / split).glob("*/*.png")]
        assert contents(made.split(split)).keys() == {pixels(path).tobytes() for path in paths}


def test_validation_is_drawn_where_it_has_no_folder(split_folders):
    """With train and test alone, the held-out share of train validates."""
    shutil.rmtree(split_folders / "validation")
    made = task(split_folders, held_out=0.25)
    assert [len(made.split(split)) for split in SPLITS] == [15, 5, 20]
    rest = contents(made.split("train")) | contents(made.split("validation"))
    assert rest.keys() == {pixels(path).tobytes() for path in (split_folders / "train").glob("*/*.png")}


def test_copies_of_later_splits_do_not_train(split_folders):
    """A picture that was put in several splits is kept in the last of them."""
    copies = {
        "test/cat/000.png": "validation/dog/a.png",
        "test/cat/001.png": "train/dog/b.png",
        "validation/cat/002.png": "train/dog/c.png",
    }
    for source, copy in copies.items():
        shutil.copy(split_folders / source, split_folders / copy)
    parts = [contents(task(split_folders).split(split)).keys() for split in SPLITS]
    assert [len(part) for part in parts] == [20, 20, 20]
    assert len(set().union(*parts)) == 60


def test_a_class_may_be_called_train(tmp_path):
    """Vehicles: without a folder called test beside it, train is a class."""
    for seed, name in enumerate(("bus", "car", "train")):
        fill(tmp_path / name, 10, seed)
    assert task(tmp_path).target.names == ("bus", "car", "train")


def test_a_changed_picture_is_read_again(folder):
    """Decoded pictures are kept, but not beyond a change of their files."""
    before = contents(task(folder).split("train"))
    for path in folder.glob("cat/*.png"):
        Image.new("RGB", (9, 9), (int(path.stem), 1, 2)).save(path)
    after = contents(task(folder).split("train"))
    assert len(after) == 32
    assert len(after.keys() - before.keys()) >= 12  # 20 of 40 changed, at most 8 of them held out


def refused(path, **more):
    with pytest.raises(InputError) as caught:
        task(path, **more).split("train")
    return str(caught.value)


def test_a_file_that_is_no_picture_is_named(folder):
    """One text file among pictures is refused by its name."""
    (folder / "cat" / "notes.png").write_text("not a picture")
    assert refused(folder).startswith(f"{folder}/cat/notes.png: not a picture")


def test_hidden_files_are_passed_over(folder):
    """What desktops leave behind (.DS_Store) is no picture and no class."""
    for place in (folder, folder / "cat"):
        (place / ".DS_Store").write_bytes(b"\0")
    assert len(task(folder).split("train")) == 32


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: (folder / "notes").write_text("x"), "notes: none of the classes' folders"),
        (lambda folder: (folder / "cat" / "more").mkdir(), "cat/more: not a file"),
        (lambda folder: (folder / "bird").mkdir(), "bird: no pictures"),
    ],
)
def test_what_does_not_belong_is_named(folder, make, message):
    """A stray file, a folder within a class's and an empty class are refused by name."""
    make(folder)
    assert message in refused(folder)


def test_too_few_classes_are_refused(tmp_path):
    """One class cannot be told from others, and an empty folder has none."""
    with pytest.raises(InputError, match="0 folders of classes"):
        task(tmp_path)
    fill(tmp_path / "cat", 3, 0)
    with pytest.raises(InputError, match="1 folders of classes"):
        task(tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    """A path that is not there is refused where it is given."""
    with pytest.raises(InputError, match="No such file") as caught:
        task(tmp_path / "absent")
    assert str(tmp_path / "absent") in str(caught.value)


def test_too_few_pictures_are_refused(tmp_path):
    """Of two pictures none is left to validate."""
    for seed, name in enumerate(("cat", "dog")):
        fill(tmp_path / name, 1, seed)
    with pytest.raises(InputError, match="too few pictures: none is left for validation"):
        task(tmp_path).split("validation")


def test_split_folders_hold_nothing_else(split_folders):
    """A class beside the folders of the splits is refused by name, and one that train lacks too."""
    fill(split_folders / "test" / "bird", 1, 0)
    with pytest.raises(InputError, match="test/bird: none of the classes' folders: cat, dog"):
        task(split_folders).split("test")
    (split_folders / "bird").mkdir()
    with pytest.raises(InputError, match="bird: beside the folders of the splits"):
        task(split_folders)


def test_the_recorded_options_name_the_classes(folder, tmp_path):
    """From what a record holds, the task is built where its pictures are not: adapters load elsewhere."""
    recorded = task_options.values(task(folder))
    assert recorded["classes"] == "cat/dog"
    assert recorded["path"] == str(folder)
    folder.rename(tmp_path / "elsewhere")
    loaded = task_options.build(Folder, recorded, owner="images/folder")
    assert loaded.target.names == ("cat", "dog")
    assert loaded == task(folder, classes="cat/dog")


def test_a_relative_path_is_made_absolute(folder, monkeypatch):
    """What is recorded holds from any working folder."""
    monkeypatch.chdir(folder.parent)
    assert task("pictures") == task(folder)


def test_without_a_folder_the_remedy_is_given():
    """The defaults construct, and using them says which option to add."""
    for use in (lambda: Folder().target, lambda: Folder(classes="a/b").split("train")):
        with pytest.raises(ConfigurationError, match="add --option path=DIR"):
            use()


def test_grey_and_size(folder):
    """Options size and grayscale are the samples' shape."""
    assert Folder(path=folder, size=16, patch=8).split("test")[0][0].shape == (16, 16, 3)
    assert Folder(path=folder, size=12, grayscale=True).split("test")[0][0].shape == (12, 12, 1)
