"""Adapters: what they weigh, what they hold, what they refuse, and that they predict the same anywhere."""

import json
import shutil

import attrs
import pytest
import safetensors.torch
import torch
import transformers

import fpt_plugins as fpt
from fpt_plugins.adapter_files import read_description
from fpt_plugins.record import read_record
from fpt_plugins.storage import read_sealed, sealed
from tests import warm_processes

SETTINGS = {
    "backbone": "gpt2-mini",
    "init": "random",
    "backbone_options": {"layers": 1},
    "steps": 4,
    "batch_size": 4,
    "lr": 1e-3,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of four steps."""
    path = tmp_path_factory.mktemp("runs") / "xor"
    fpt.train("bits/xor", out=path, **SETTINGS)
    return path


@pytest.fixture
def adapter(run, tmp_path):
    """A copy of its adapter that a test may damage."""
    copy = tmp_path / "adapter"
    copy.mkdir()
    for file in (run / "adapter").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def reseal(folder, **changes):
    """Edits adapter.json as an attacker or another version would, with a digest that fits."""
    content = read_sealed(folder / "adapter.json")
    (folder / "adapter.json").write_bytes(sealed({**content, **changes}))


def test_it_holds_what_trains(run):
    """The file has exactly the tensors of the trained groups, in fp32, positions as long as the task."""
    tensors = safetensors.torch.load_file(run / "adapter" / "adapter.safetensors")
    arm = fpt.build("bits/xor", **SETTINGS)
    assert set(tensors) == set(arm.partition.trained_names)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert tensors["backbone.model.wpe.weight"].shape == (10, 256)


def test_a_fresh_process_gives_the_same_outputs(run):
    """Another process, with other random states, computes the very same outputs from the folder alone."""
    arm = fpt.load(run, device="cpu")
    batch = [arm.task.parse({"strings": ["01010", "11001"]})]
    script = (
        "import sys, json, torch; torch.manual_seed(99); import fpt_plugins as fpt\n"
        "from fpt_plugins.data import collate, tokenize\n"
        "arm = fpt.load(sys.argv[1], device='cpu')\n"
        "sample = arm.task.parse({'strings': ['01010', '11001']})\n"
        "outputs = arm.outputs(collate(arm.task, tokenize(arm.plugins, arm.task, [sample])))\n"
        "print(json.dumps([arm.predict([sample]), outputs.tolist()]))\n"
    )
    found = warm_processes.run("-c", script, run)
    assert found.returncode == 0, found.stderr
    from fpt_plugins.data import collate, tokenize

    outputs = arm.outputs(collate(arm.task, tokenize(arm.plugins, arm.task, batch)))
    assert json.loads(found.stdout) == [arm.predict(batch), outputs.tolist()]


@pytest.mark.parametrize(("backbone", "init"), [("gpt2", "random"), ("minilm", "random")])
def test_kilobytes(tmp_path, backbone, init):
    """An adapter for bits/xor is at most 300 KB on GPT-2's shape and on MiniLM's."""
    settings = {
        **SETTINGS,
        "backbone": backbone,
        "init": init,
        "backbone_options": {},
        "steps": 1,
        "batch_size": 2,
    }
    record = fpt.train("bits/xor", out=tmp_path / "run", **settings)
    size = (tmp_path / "run" / "adapter" / "adapter.safetensors").stat().st_size
    assert record.adapter_bytes == size <= 300_000


def test_every_flipped_bit_of_a_sample_is_found(adapter):
    """Bits flipped all over both files are each refused by the file's name; tests/faults flips more."""
    for name in ("adapter.safetensors", "adapter.json"):
        whole = (adapter / name).read_bytes()
        for place in range(0, 8 * len(whole), max(1, 8 * len(whole) // 40)):
            damaged = bytearray(whole)
            damaged[place // 8] ^= 1 << place % 8
            (adapter / name).write_bytes(damaged)
            with pytest.raises(fpt.IntegrityError, match=name):
                fpt.load(adapter)
        (adapter / name).write_bytes(whole)


def test_the_damaged_tensor_is_named(adapter):
    """A flipped bit in the last tensor's bytes is refused with that tensor's name."""
    path = adapter / "adapter.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(fpt.IntegrityError, match=r"the tensor \S+ is not what was written"):
        fpt.load(adapter)


def test_another_body_is_refused(adapter):
    """An adapter whose body has another source digest does not load."""
    backbone = read_description(adapter)["backbone"]
    reseal(adapter, backbone={**backbone, "source_digest": "0" * 64})
    with pytest.raises(fpt.IntegrityError, match="source digest"):
        fpt.load(adapter)


def test_a_newer_format_is_refused_with_the_remedy(adapter):
    """A format that this version does not know is refused, and the upgrade is named."""
    reseal(adapter, format=2, fpt_plugins="9.0.0")
    with pytest.raises(fpt.IntegrityError, match=r"(?s)9\.0\.0.*upgrade fpt-plugins"):
        fpt.load(adapter)


def test_a_plugin_that_is_not_installed_is_named(adapter):
    """An adapter of a task that nothing here provides says so, without a traceback of ours."""
    configuration = read_description(adapter)["configuration"]
    reseal(adapter, configuration={**configuration, "task": "smells/flowers"})
    with pytest.raises(fpt.UnknownName, match="smells/flowers"):
        fpt.load(adapter)


def test_a_plugin_of_another_distribution_is_refused(adapter):
    """The same task from another distribution is not taken for the one that trained."""
    reseal(adapter, plugins={"bits": {"distribution": "other-bits", "version": "3.0"}})
    with pytest.raises(fpt.IntegrityError, match=r"fpt-bits 0.*other-bits 3\.0"):
        fpt.load(adapter)


def test_tensors_of_another_arm_are_refused(adapter):
    """A tensor that the arm does not train, or that lacks, is named."""
    import hashlib

    path = adapter / "adapter.safetensors"
    tensors = safetensors.torch.load(path.read_bytes())
    name = min(tensors)
    content = safetensors.torch.save({key: value for key, value in tensors.items() if key != name})
    path.write_bytes(content)
    reseal(adapter, weights_sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(fpt.IntegrityError, match=f"{name} is missing"):
        fpt.load(adapter)


def test_it_needs_nothing_but_its_two_files(run, adapter):
    """The folder of two files predicts what the run predicts."""
    alone, whole = fpt.load(adapter, device="cpu"), fpt.load(run, device="cpu")
    samples = [alone.task.parse({"strings": ["01010", "11001"]})]
    assert sorted(path.name for path in adapter.iterdir()) == ["adapter.json", "adapter.safetensors"]
    assert alone.predict(samples) == whole.predict(samples)


def test_one_sample_alone_is_one_in_a_batch(run):
    """A sample's outputs alone and among others agree to 1e-5 in fp32."""
    arm = fpt.load(run, device="cpu", precision="fp32")
    from fpt_plugins.data import collate, tokenize

    samples = [arm.task.parse({"strings": [f"{i:05b}", f"{31 - i:05b}"]}) for i in range(8)]
    together = arm.outputs(collate(arm.task, tokenize(arm.plugins, arm.task, samples)))
    for sample, expected in zip(samples, together, strict=True):
        alone = arm.outputs(collate(arm.task, tokenize(arm.plugins, arm.task, [sample])))[0]
        torch.testing.assert_close(alone, expected, rtol=1e-5, atol=1e-5)


def test_a_hub_name_needs_a_revision():
    """A name on the hub without a commit is refused before anything is fetched."""
    for place in ("hf:someone/adapter", "hf:someone/adapter@main"):
        with pytest.raises(fpt.FptError, match="hf:someone/adapter@REVISION"):
            fpt.load(place)


def small_body(folder, seed=0):
    """A GPT-2 of one layer, saved by transformers."""
    torch.manual_seed(seed)
    config = transformers.GPT2Config(n_layer=1, n_embd=32, n_head=2, n_positions=64, vocab_size=11)
    transformers.GPT2Model(config).save_pretrained(folder)
    return f"hf:{folder}"


def test_a_body_that_moved_is_found_where_it_is_said_to_be(tmp_path):
    """A folder that is gone is refused, no hub is asked; where it is can be said; another is refused."""
    body = small_body(tmp_path / "body")
    settings = {"backbone": body, "steps": 1, "batch_size": 2}
    fpt.train("bits/xor", out=tmp_path / "run", **settings)
    (tmp_path / "body").rename(tmp_path / "moved")
    with pytest.raises(fpt.FptError, match=r"(?s)was in the folder .*--backbone hf:FOLDER"):
        fpt.load(tmp_path / "run")
    assert fpt.load(tmp_path / "run", backbone=f"hf:{tmp_path / 'moved'}").partition.trained_count
    with pytest.raises(fpt.IntegrityError, match="source digest"):
        fpt.load(tmp_path / "run", backbone=small_body(tmp_path / "other", seed=1))


def test_a_folder_of_timm_that_moved_is_found_too(tmp_path):
    """Likewise for ``timm:FOLDER``; nobody is asked for an architecture of the folder's name."""
    timm = pytest.importorskip("timm")
    shape = {"img_size": 8, "patch_size": 4, "embed_dim": 16, "depth": 1, "num_heads": 2, "num_classes": 0}
    model = timm.create_model("vit_tiny_patch16_224", **shape)
    timm.models.save_for_hf(model, tmp_path / "body", model_args=shape, safe_serialization=True)
    fpt.train("bits/xor", out=tmp_path / "run", backbone=f"timm:{tmp_path / 'body'}", steps=1, batch_size=2)
    (tmp_path / "body").rename(tmp_path / "moved")
    with pytest.raises(fpt.FptError, match=r"(?s)was in the folder .*--backbone timm:FOLDER"):
        fpt.load(tmp_path / "run")
    assert fpt.load(tmp_path / "run", backbone=f"timm:{tmp_path / 'moved'}").partition.trained_count


def test_a_run_is_not_resumed_on_another_body(tmp_path):
    """Weights that were exchanged while a run was stopped are refused when it goes on."""
    from fpt_plugins.training import open_training

    body = small_body(tmp_path / "body")
    settings = {"backbone": body, "steps": 4, "batch_size": 2, "evaluate_every": 1}
    with open_training("bits/xor", tmp_path / "run", resume=False, settings=settings) as training:
        for row in training.rows():
            if row["step"] == 2:
                break
    small_body(tmp_path / "body", seed=1)
    with pytest.raises(fpt.IntegrityError, match="was begun with source_digest"):
        fpt.train("bits/xor", out=tmp_path / "run", resume=True)


def test_the_folder_inside_a_run_is_an_adapter_too(run):
    """``RUN/adapter`` is evaluated, shown and exported as ``RUN`` is, in the one record."""
    first = fpt.evaluate(run / "adapter", "validation")
    assert fpt.evaluate(run, "validation") == first


def test_resuming_what_is_finished_changes_nothing(run):
    """The test result and the count of its reads outlive a needless --resume."""
    fpt.evaluate(run)
    fpt.evaluate(run, again=True)
    record = fpt.train("bits/xor", out=run, resume=True)
    assert record.evaluations["test"].reads == 2
    assert fpt.evaluate(run).reads == 2


def test_a_damaged_adapter_is_not_exported(run, tmp_path):
    """Export checks what it copies."""
    from fpt_plugins.card import export

    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    weights = copy / "adapter" / "adapter.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(fpt.IntegrityError, match="is damaged"):
        export(copy, tmp_path / "exported")
    assert not (tmp_path / "exported").exists()


def test_a_card_says_what_is_not_bitwise(run):
    """Who gets the adapter alone reads of the stop, too."""
    from fpt_plugins.card import card

    reason = "resumed at step 2 with threads 2, before it was 1"
    record = attrs.evolve(read_record(run), not_bitwise=(reason,))
    assert f"not bitwise what a run without a stop would be | {reason} |" in card(
        read_description(run), record, "shared"
    )


def test_it_computes_in_the_type_that_it_was_trained_in(tmp_path):
    """An adapter trained in fp32 is loaded in fp32 where nothing else is asked."""
    fpt.train("bits/xor", out=tmp_path / "run", precision="fp32", **SETTINGS)
    assert fpt.load(tmp_path / "run").precision.name == "fp32"
    assert fpt.load(tmp_path / "run", precision="bf16").precision.name == "bf16"


def test_predicting_leaves_the_mode_as_it_was(run):
    """A model that was training still drops out after a prediction."""
    arm = fpt.load(run)
    arm.model.train()
    arm.predict([arm.task.parse({"strings": ["01010", "11001"]})])
    assert arm.model.training
    assert arm.predict([]) == []


@pytest.mark.parametrize("missing", ["plugins", "backbone", "tensors", "configuration", "weights_sha256"])
def test_a_description_without_a_part_is_refused(adapter, missing):
    """adapter.json of a stranger that lacks a part is refused by that part's name."""
    reseal(adapter, **{missing: None})
    with pytest.raises(fpt.IntegrityError, match=missing):
        fpt.load(adapter)
