"""The picture of attention maps: its panels and labels, and the command that draws it."""

import matplotlib.image
import numpy as np
import pytest

import fpt_plugins as fpt
from fpt_plugins import ConfigurationError
from fpt_plugins.attention_figure import draw, layer_numbers, write_attention
from fpt_plugins.cli import launch


def attention_map(layers=3, heads=2, queries="ab", keys="vwxyz"):
    weights = np.random.default_rng(0).dirichlet(np.ones(len(keys)), (layers, heads, len(queries)))
    return fpt.AttentionMap(weights=weights.astype(np.float32), queries=tuple(queries), keys=tuple(keys))


def shown(figure):
    """What each panel holds: its title, its matrix, and its labels."""
    return {
        ax.get_title(): (
            ax.images[0].get_array().data,
            "".join(text.get_text() for text in ax.get_yticklabels()),
            "".join(text.get_text() for text in ax.get_xticklabels()),
        )
        for ax in figure.axes
        if ax.images
    }


def test_a_panel_is_the_mean_over_the_heads_of_a_layer():
    """All layers, or those that are named, each with the labels of its rows and columns."""
    found = attention_map()
    panels = shown(draw(found, title="a"))
    assert list(panels) == ["layer 0", "layer 1", "layer 2"]
    matrix, rows, columns = panels["layer 2"]
    np.testing.assert_allclose(matrix, (found.weights[2, 0] + found.weights[2, 1]) / 2, rtol=1e-6)
    assert (rows, columns) == ("ab", "vwxyz")
    assert list(shown(draw(found, title="a", layers=(2, 0)))) == ["layer 2", "layer 0"]


def test_heads_stand_beside_their_mean():
    """A row per layer: its mean, then each head."""
    found = attention_map()
    panels = shown(draw(found, title="a", layers=(1,), heads=True))
    assert list(panels) == ["layer 1", "layer 1, head 0", "layer 1, head 1"]
    np.testing.assert_array_equal(panels["layer 1, head 1"][0], found.weights[1, 1])


def test_one_query_of_all_layers_shares_a_panel():
    """Where one position is read out, its layers are rows; its heads are rows of a panel per layer."""
    found = attention_map(queries="a")
    matrix, rows, _ = shown(draw(found, title="a"))[""]
    np.testing.assert_allclose(matrix, found.weights[:, :, 0].mean(1), rtol=1e-6)
    assert rows == "layer 0layer 1layer 2"
    panels = shown(draw(found, title="a", heads=True))
    assert list(panels) == ["heads averaged", "layer 0", "layer 1", "layer 2"]
    np.testing.assert_array_equal(panels["layer 1"][0], found.weights[1, :, 0])


def test_many_positions_are_labeled_in_part():
    """Of 100 keys at most 24 are labeled, each at its own place."""
    names = [chr(0x4E00 + number) for number in range(100)]
    axis = draw(attention_map(keys=names), title="a").axes[0]
    assert 12 <= len(axis.get_xticks()) <= 24
    assert [names[int(place)] for place in axis.get_xticks()] == [
        t.get_text() for t in axis.get_xticklabels()
    ]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps."""
    path = tmp_path_factory.mktemp("runs") / "xor"
    small = {"backbone": "gpt2-mini", "init": "random", "backbone_options": {"layers": 2}}
    fpt.train("bits/xor", out=path, steps=2, batch_size=4, device="cpu", **small)
    return path


def test_the_command_writes_the_picture_of_the_run(run, tmp_path, capsys):
    """A light PNG of the layer that was asked for; another sample is another picture."""
    out = tmp_path / "map.png"
    launch("attention", str(run), "--out", str(out), "--layers", "1", "--sample", "3", "--device", "cpu")
    assert capsys.readouterr().out.strip() == str(out)
    pixels = matplotlib.image.imread(out)
    assert pixels[0, 0, :3].tolist() == [1.0, 1.0, 1.0]
    assert pixels.std() > 0.01
    other = write_attention(fpt.load(run, device="cpu"), tmp_path / "b.png", layers=(1,), sample=4)
    assert other.read_bytes() != out.read_bytes()


def test_what_is_not_there_is_refused(run, tmp_path, capsys):
    """A sample, a layer or a word that names none: one line with what there is, and no picture."""
    arm = fpt.load(run, device="cpu")
    with pytest.raises(ConfigurationError, match=r"no sample 100000: the validation split has \d+, from 0"):
        write_attention(arm, tmp_path / "a.png", sample=100_000)
    with pytest.raises(fpt.ConfigurationError, match=r"a\.txt is no picture's name\n  end it with \.png"):
        write_attention(arm, tmp_path / "a.txt")
    with pytest.raises(ConfigurationError, match="no layer 2: the body has 2, from 0"):
        write_attention(arm, tmp_path / "a.png", layers=(0, 2))
    with pytest.raises(ConfigurationError, match="--layers one"):
        layer_numbers("one")
    assert not (tmp_path / "a.png").exists()
