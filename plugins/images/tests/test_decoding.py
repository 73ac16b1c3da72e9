"""Picture files: fitted to the size, turned upright, and refused by name where they are none."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fpt_images import decoding
from fpt_images.decoding import decode
from fpt_images.layout import PictureLayout
from fpt_images.samples import from_image
from fpt_images.tasks import Digits, Mnist
from fpt_plugins import InputError

COLOR = PictureLayout(side=32, channels=3, patch=4, mean=(0.5,) * 3, deviation=(0.5,) * 3)
GREY = PictureLayout(side=32, channels=1, patch=4, mean=(0.5,), deviation=(0.5,))
RED, GREEN, BLUE = (200, 0, 0), (0, 180, 0), (0, 0, 160)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, rows, depth=8, color=2):
    """A PNG file from its specification: signature, header, deflated rows, end."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def saved(path, image, **options):
    image.save(path, **options)
    return path


def stripes(*colors, width, height):
    """Vertical stripes of equal width."""
    row = np.repeat(np.array(colors, dtype=np.uint8), width // len(colors), axis=0)
    return Image.fromarray(np.repeat(row[None], height, axis=0))


def test_a_png_written_by_hand(tmp_path):
    """A picture of the task's own size comes as its pixels stand in the file."""
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)  # filter 0: as they are
    path = tmp_path / "a.png"
    path.write_bytes(png(32, 32, rows))
    assert np.array_equal(decode(path, COLOR), pixels)


@pytest.mark.parametrize("kind", ["BMP", "GIF", "PNG", "PPM", "TIFF", "WEBP"])
def test_lossless_formats(tmp_path, kind):
    """Each of the formats gives the same plain picture back, whatever the file is called."""
    options = {"lossless": True} if kind == "WEBP" else {}
    path = saved(tmp_path / "picture", stripes(RED, BLUE, width=32, height=32), format=kind, **options)
    assert np.array_equal(decode(path, COLOR), np.array(stripes(RED, BLUE, width=32, height=32)))


@pytest.mark.parametrize("kind", ["BMP", "PPM", "TIFF"])
def test_no_picture_is_mapped(tmp_path, monkeypatch, kind):
    """While a grey picture of plain bytes is decoded, its file is among no memory maps of the process."""
    path = saved(tmp_path / "picture", Image.new("L", (32, 32), 7), format=kind)
    maps = []

    def seen(image, layout):
        maps.append(Path("/proc/self/maps").read_text())
        return from_image(image, layout)

    monkeypatch.setattr(decoding, "from_image", seen)
    decode(path, GREY)
    assert [str(path) in each for each in maps] == [False]


def test_a_jpeg_is_close(tmp_path):
    """A flat JPEG comes back within two shades."""
    path = saved(tmp_path / "a.jpg", Image.new("RGB", (40, 40), RED), quality=95)
    assert np.abs(decode(path, COLOR).astype(int) - RED).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(32, 32), (96, 32), (64, 192), (320, 320), (640, 960)])
def test_a_pixel_is_the_mean_of_what_it_covers(tmp_path, width, height):
    """Where the middle square is a whole number of times as large: the means of its blocks, to one shade."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    side = min(width, height)
    top, left, times = (height - side) // 2, (width - side) // 2, side // 32
    square = noise[top : top + side, left : left + side].astype(float)
    means = square.reshape(32, times, 32, times, 3).mean(axis=(1, 3))
    found = decode(saved(tmp_path / "a.png", Image.fromarray(noise)), COLOR)
    assert np.abs(found - means).max() <= 1


@pytest.mark.parametrize("times", [1, 2, 7, 25])
def test_an_enlarged_digit_comes_back(tmp_path, times):
    """A digit that is saved as a larger picture, each pixel a square, is read as the digit that it was."""
    digit = Digits().split("test")[0][0]
    shades = np.uint8(digit[..., 0] * 15.9375)  # 16 becomes 255
    enlarged = np.kron(shades, np.ones((times, times), np.uint8))
    assert np.array_equal(
        decode(saved(tmp_path / "a.png", Image.fromarray(enlarged)), Digits().layout), digit
    )


@pytest.mark.parametrize(("width", "height"), [(96, 32), (300, 100), (9, 3), (960, 320)])
def test_the_middle_is_kept(tmp_path, width, height):
    """Of three stripes on a picture three times as wide as high, the middle one is all that is left."""
    path = saved(tmp_path / "a.png", stripes(RED, GREEN, BLUE, width=width, height=height))
    assert np.array_equal(decode(path, COLOR), np.broadcast_to(np.uint8(GREEN), (32, 32, 3)))


def test_exif_turns_a_picture_upright(tmp_path):
    """Orientation 6 says that the stored picture is to be turned a quarter clockwise: left becomes top."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.png", stripes(RED, BLUE, width=32, height=32), exif=exif)
    upright = decode(path, COLOR)
    assert upright[0, 5].tolist() == list(RED)
    assert upright[-1, 5].tolist() == list(BLUE)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "YCbCr"])
def test_other_color_models(tmp_path, mode):
    """White stays white and of three channels, or of one, from every 8-bit color model."""
    path = saved(tmp_path / "a.tif", Image.new("RGB", (32, 32), (255, 255, 255)).convert(mode))
    assert np.array_equal(decode(path, COLOR), np.full((32, 32, 3), 255))
    assert np.array_equal(decode(path, GREY), np.full((32, 32, 1), 255))


def test_grey_of_a_color_picture(tmp_path):
    """ITU-R BT.601 by hand: .299 * 200 = 59.8 becomes 60."""
    assert np.unique(decode(saved(tmp_path / "a.png", Image.new("RGB", (32, 32), RED)), GREY)).tolist() == [
        60
    ]


def test_a_border_is_kept_free(tmp_path):
    """A white picture as MNIST's fills 28 by 28 pixels of 32 by 32."""
    found = decode(saved(tmp_path / "a.png", Image.new("L", (50, 50), 255)), Mnist().layout)
    assert np.array_equal(found[2:30, 2:30], np.full((28, 28, 1), 255))
    assert found.sum(dtype=int) == 28 * 28 * 255


def test_the_digits_scale(tmp_path):
    """The digits' shades run from 0 to 16: white is 16, 8 of 255 is just above a half."""
    for shade, expected in ((255, 16), (128, 8), (8, 1), (7, 0), (0, 0)):
        path = saved(tmp_path / "a.png", Image.new("L", (8, 8), shade))
        assert np.unique(decode(path, Digits().layout)).tolist() == [expected]


@pytest.mark.parametrize("side", [8_200, 9_400, 20_000, 60_000])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, side):
    """A few bytes that declare 67 megapixels or more are refused, below and above Pillow's own limits."""
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side, b"\0" * 100))
    with pytest.raises(InputError, match=r"where at most 67,108,864 pixels are decoded") as caught:
        decode(path, COLOR)
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    "content", [b"", b"x", b"just some text\n" * 100, bytes(5000), b"%PDF-1.7\n" + bytes(500)]
)
def test_what_is_no_picture_is_refused_by_name(tmp_path, content):
    """An empty file, text, zeros and a PDF, all called .png."""
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a picture") as caught:
        decode(path, COLOR)
    assert caught.value.where == str(path)


def test_a_format_that_runs_programs_is_refused(tmp_path):
    """PostScript, which Pillow would hand to another program, is not a picture here."""
    path = saved(tmp_path / "a.png", Image.new("RGB", (32, 32)), format="EPS")
    with pytest.raises(InputError, match="not a picture"):
        decode(path, COLOR)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.9])
def test_a_cut_off_picture_is_refused(tmp_path, kind, share):
    """Wherever a picture ends early, the message names it."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    whole = io.BytesIO()
    noise.save(whole, format=kind)
    path = tmp_path / "a"
    path.write_bytes(whole.getvalue()[: int(len(whole.getvalue()) * share)])
    with pytest.raises(InputError) as caught:
        decode(path, COLOR)
    assert caught.value.where == str(path)


def test_damaged_pictures_are_errors_of_ours_or_pictures(tmp_path):
    """Of 300 PNG and JPEG files with random bytes changed, each is a sample or an InputError."""
    generator = np.random.default_rng(0)
    picture = Image.fromarray(generator.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    refused, path = 0, tmp_path / "a"
    for trial in range(300):
        whole = io.BytesIO()
        picture.save(whole, format=("PNG", "JPEG")[trial % 2])
        raw = bytearray(whole.getvalue())
        for place in generator.integers(0, len(raw), 4):
            raw[place] = generator.integers(256)
        path.write_bytes(raw)
        try:
            assert decode(path, COLOR).shape == (32, 32, 3)
        except InputError:
            refused += 1
    assert refused > 100  # a PNG's checksums see nearly all of it


def test_sixteen_bits_are_refused(tmp_path):
    """Pillow would cut such numbers off at 255 without a word."""
    path = saved(tmp_path / "a.png", Image.fromarray(np.full((32, 32), 40_000, np.uint16)))
    with pytest.raises(InputError, match="more than 8 bits per channel"):
        decode(path, COLOR)


def test_a_missing_file_is_refused(tmp_path):
    """What cannot be opened is an InputError with its name."""
    with pytest.raises(InputError, match="cannot be read") as caught:
        decode(tmp_path / "absent.png", COLOR)
    assert caught.value.where == str(tmp_path / "absent.png")
