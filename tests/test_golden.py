"""What earlier releases saved loads with the same logits; what a later one saved is refused."""

import json
import shutil

import attrs
import pytest
import torch

import fpt_plugins as fpt
from fpt_plugins.adapter_files import FORMAT, read_description
from fpt_plugins.arm import assemble
from fpt_plugins.checkpoint import newest_checkpoint, restore
from fpt_plugins.configuration import Configuration
from fpt_plugins.formats import check_format
from fpt_plugins.optimizer import make_optimizer
from fpt_plugins.record import read_record
from fpt_plugins.storage import read_sealed, sealed
from tests.golden import make
from tests.golden.reading import EXPECTED, GOLDEN, RUN, SAMPLES, logits

VERSIONS = sorted(path.parent for path in GOLDEN.glob(f"*/{EXPECTED}"))
ADAPTERS = [(version, name) for version in VERSIONS for name in json.loads((version / EXPECTED).read_text())]


def expected(version, name):
    """What that release computed."""
    return torch.tensor(json.loads((version / EXPECTED).read_text())[name])


def assert_same(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_the_first_release_has_golden_files():
    """They are kept from 0.1.0 on."""
    assert "0.1.0" in [version.name for version in VERSIONS]


@pytest.mark.parametrize(("version", "name"), ADAPTERS, ids=lambda part: getattr(part, "name", part))
def test_an_adapter_or_run_answers_as_it_did(version, name):
    """On its own body the outputs are those that its release computed: 1e-6 on a CPU."""
    arm = fpt.load(version / name, backbone=f"hf:{version / 'body'}", device="cpu")
    assert_same(logits(arm, SAMPLES[arm.task.name]), expected(version, name))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
def test_a_run_is_read_and_its_checkpoint_restored(version):
    """Record and checkpoint of a finished run are read; the best of the checkpoint is the adapter's."""
    record, run = read_record(version / RUN), version / RUN
    configuration = Configuration.from_json(read_sealed(run / "run.json")["configuration"])
    arm = assemble(attrs.evolve(configuration, backbone=f"hf:{version / 'body'}"))
    state = restore(arm, make_optimizer(arm), newest_checkpoint(run))
    assert (state.step, state.best_step) == (record.steps, record.best_step)
    for tensor, best in state.best_tensors.items():
        arm.model.get_parameter(tensor).data.copy_(best)
    assert_same(logits(arm, SAMPLES["bits/xor"]), expected(version, RUN))


@pytest.mark.parametrize("file", ["adapter.json", "record.json"])
def test_what_a_later_version_wrote_is_refused(tmp_path, file):
    """Of a format that is still to come: the error names both versions, and says to upgrade."""
    shutil.copytree(VERSIONS[-1] / RUN, tmp_path / "run")
    place = tmp_path / "run" / ("adapter" if file == "adapter.json" else "")
    later = {**read_sealed(place / file), "format": FORMAT + 1, "fpt_plugins": "9.0.0"}
    (place / file).write_bytes(sealed(later))
    read = {"adapter.json": read_description, "record.json": read_record}[file]
    with pytest.raises(fpt.IntegrityError, match=r"(?s)by fpt-plugins 9\.0\.0.*upgrade fpt-plugins"):
        read(place)


def test_what_an_earlier_version_wrote_asks_for_that_version(tmp_path):
    """To upgrade is no help where the file is the older one."""
    with pytest.raises(fpt.IntegrityError, match=r"by fpt-plugins 0\.0\.1; .*\n.*the version that wrote it"):
        check_format(tmp_path, {"format": 1, "fpt_plugins": "0.0.1"}, 2)


def test_the_files_of_a_release_are_not_made_again(tmp_path, monkeypatch, capsys):
    """The script that makes them refuses where they are, and touches nothing."""
    (tmp_path / fpt.__version__).mkdir()
    (tmp_path / fpt.__version__ / EXPECTED).write_text("what a release was")
    monkeypatch.setattr(make, "GOLDEN", tmp_path)
    assert make.main() == 1
    assert "is there: what a release was, is not made again" in capsys.readouterr().err
    assert [path.name for path in tmp_path.rglob("*")] == [fpt.__version__, EXPECTED]


def test_golden_files_that_cannot_be_made_whole_are_not_there(tmp_path, monkeypatch):
    """The folder of a version has its name once all is in it: a script that dies half way leaves none."""

    def make_half(place):
        (place / "body").mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "GOLDEN", tmp_path)
    monkeypatch.setattr(make, "make", make_half)
    with pytest.raises(KeyboardInterrupt):
        make.main()
    assert not list(tmp_path.iterdir())
