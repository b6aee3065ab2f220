"""`folder:`: classes from subfolders, and every file that cannot be read named."""

import struct
import zlib

import numpy as np
import pytest

from assay.errors import DataError, UnknownNameError
from assay.sources.data import load_data


def test_subfolders_are_classes(photos):
    """Class names are folder names, ids are paths in the folder, images come in the order asked for."""
    data = load_data(f"folder:{photos}")

    assert data.task.classes == ("cat", "dog")
    assert data.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert data.ids[4] == "dog/1.png"
    assert [image.size for image in data.load(np.array([5, 0]))] == [(24, 16), (24, 16)]
    assert len(set(data.digests.tolist())) == 6


def test_train_and_test_folders_are_splits(tmp_path, picture):
    """Folders train, val and test with class folders in them are the published splits."""
    for split in ("train", "val", "test"):
        for label in ("a", "b"):
            picture(tmp_path / split / label / "1.png")
    data = load_data(f"folder:{tmp_path}")

    assert data.splits.tolist() == ["train", "train", "valid", "valid", "test", "test"]
    assert data.task.classes == ("a", "b")


def test_strange_names_of_classes_and_files_are_kept(tmp_path, picture):
    """Folder names with dots, spaces, Unicode and HTML are class names as they are."""
    names = ["<img src=x onerror=alert(1)>".replace("/", ""), "..hidden dots", "日本語", "a.b c"]
    for name in names:
        picture(tmp_path / "d" / name.lstrip(".") / "ü 1.png")
    data = load_data(f"folder:{tmp_path / 'd'}")

    assert set(data.task.classes) == {name.lstrip(".") for name in names}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "gif"])
def test_a_cut_off_image_is_found_on_reading(photos, picture, suffix):
    """A file that lost its end stops the reading, naming the file; with bad=skip it is left out and counted."""
    path = picture(photos / "cat" / f"broken.{suffix}", size=(200, 150))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(DataError, match=rf"broken\.{suffix}: (a corrupt or cut-off image|no image that can be read)"):
        load_data(f"folder:{photos}")
    data = load_data(f"folder:{photos}?bad=skip")
    assert len(data) == 6
    assert data.notes["skipped"]["count"] == 1
    assert f"broken.{suffix}" in data.notes["skipped"]["examples"][0]


@pytest.mark.parametrize(
    ("content", "wanted"), [(b"", "an empty file"), (b"this is text", "no image that can be read")]
)
def test_a_file_that_is_no_image_is_found_on_reading(photos, content, wanted):
    """Empty files and text under an image's suffix are named."""
    (photos / "cat" / "9.jpg").write_bytes(content)

    with pytest.raises(DataError, match=rf"9\.jpg: {wanted}"):
        load_data(f"folder:{photos}")
    assert load_data(f"folder:{photos}?bad=skip").notes["skipped"]["reasons"] == {wanted: 1}


def test_damage_in_the_middle_is_found_on_loading(photos, picture):
    """A PNG whose pixels are damaged passes the first look, and loading it names the file."""
    path = picture(photos / "cat" / "middle.png", size=(200, 150))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))
    data = load_data(f"folder:{photos}")

    with pytest.raises(DataError, match=r"middle\.png: a corrupt or cut-off image"):
        data.load(np.flatnonzero(data.ids == "cat/middle.png"))
    assert "cat/middle.png" not in load_data(f"folder:{photos}?bad=skip").ids


def test_an_image_that_unpacks_to_gigabytes_is_refused(photos):
    """A small file that claims 1.6 gigapixels is refused before its pixels are made."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (photos / "dog" / "bomb.png").write_bytes(bomb)

    with pytest.raises(DataError, match=r"bomb\.png: (40,000 × 40,000 are )?more than 89,000,000 pixels"):
        load_data(f"folder:{photos}")


def test_an_empty_class_is_named(photos):
    """A class folder without files is an error; with bad=skip it is left out and noted."""
    (photos / "bird").mkdir()

    with pytest.raises(DataError, match="class 'bird' has no files"):
        load_data(f"folder:{photos}")
    data = load_data(f"folder:{photos}?bad=skip")
    assert data.task.classes == ("cat", "dog")
    assert data.notes["skipped"]["reasons"] == {"a class without files": 1}


def test_one_class_or_one_item_is_too_few(tmp_path, picture):
    """A folder of one class, and one of a single file, say what is missing."""
    picture(tmp_path / "one" / "cat" / "1.png")
    with pytest.raises(DataError, match="1 item; at least two"):
        load_data(f"folder:{tmp_path / 'one'}")
    picture(tmp_path / "one" / "cat" / "2.png")
    with pytest.raises(DataError, match="all 2 items are of class 'cat'"):
        load_data(f"folder:{tmp_path / 'one'}")


def test_folders_that_hold_no_classes_are_refused(tmp_path, picture, photos):
    """A missing folder, a file, a flat folder, and mixed kinds of files each have their message."""
    picture(tmp_path / "flat" / "1.png")
    faults = {"nowhere": "no such folder", "photos/cat/0.png": "not a folder", "flat": "no subfolders"}
    for name, wanted in faults.items():
        with pytest.raises(DataError, match=wanted):
            load_data(f"folder:{tmp_path / name}")
    (photos / "cat" / "note.txt").write_text("hello")
    with pytest.raises(DataError, match="several kinds"):
        load_data(f"folder:{photos}")


def test_other_files_are_passed_over_and_counted(photos):
    """Files of unknown suffixes and hidden files are not items; the notes count the former."""
    (photos / "cat" / "Thumbs.db").write_bytes(b"x")
    (photos / "cat" / ".DS_Store").write_bytes(b"x")
    data = load_data(f"folder:{photos}")

    assert len(data) == 6
    assert data.notes["ignored_files"] == {".db": 1}


def test_an_unknown_option_is_refused(photos):
    """A misspelt option is answered with the right one."""
    with pytest.raises(UnknownNameError, match="did you mean 'bad'"):
        load_data(f"folder:{photos}?bd=skip")


def test_sixteen_bit_images_keep_their_greys(photos):
    """A 16-bit grey image is scaled to 8 bits, not clipped to white."""
    from PIL import Image

    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    Image.fromarray(ramp).save(photos / "cat" / "deep.png")
    data = load_data(f"folder:{photos}")
    image = data.load(np.flatnonzero(data.ids == "cat/deep.png"))[0]

    assert image.mode == "L"
    assert len(np.unique(np.asarray(image))) == 256


def test_texts_and_their_encoding(tmp_path):
    """Folders of .txt files are texts; one that is not UTF-8 names the byte, and encoding= reads it."""
    for label, text in (("neg", "schlecht"), ("pos", "gut")):
        for number in range(2):
            path = tmp_path / "t" / label / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text} {number}", encoding="utf-8")
    assert load_data(f"folder:{tmp_path / 't'}").load(np.array([3])) == ["gut 1"]
    (tmp_path / "t" / "pos" / "0.txt").write_bytes("schön".encode("latin-1"))
    with pytest.raises(DataError, match=r"0\.txt: byte 3 is not utf-8 .add encoding="):
        load_data(f"folder:{tmp_path / 't'}")
    assert load_data(f"folder:{tmp_path / 't'}?encoding=latin-1").load(np.array([2])) == ["schön"]
    (tmp_path / "t" / "pos" / "0.txt").write_text(" \n")
    with pytest.raises(DataError, match=r"0\.txt: no text"):
        load_data(f"folder:{tmp_path / 't'}")


def test_sounds_are_waveforms(tmp_path, rng):
    """Folders of .wav and .flac files give mono waveforms with their rate; silence of no length and NaN are named."""
    soundfile = pytest.importorskip("soundfile")
    for label in ("high", "low"):
        (tmp_path / label).mkdir()
        soundfile.write(tmp_path / label / "1.wav", rng.normal(size=(800, 2)) * 0.1, 8000)
        soundfile.write(tmp_path / label / "2.flac", rng.normal(size=800) * 0.1, 16000)
    data = load_data(f"folder:{tmp_path}")
    wave, rate = data.load(np.array([0]))[0]
    assert (data.modality, wave.shape, wave.dtype, rate) == ("audio", (800,), np.float32, 8000)

    soundfile.write(tmp_path / "low" / "3.wav", np.empty(0), 8000)
    with pytest.raises(DataError, match=r"3\.wav: a sound file without sound"):
        load_data(f"folder:{tmp_path}")
    wave = np.zeros(100, dtype=np.float32)
    wave[5] = np.nan
    soundfile.write(tmp_path / "low" / "3.wav", wave, 8000, subtype="FLOAT")
    data = load_data(f"folder:{tmp_path}")
    with pytest.raises(DataError, match=r"3\.wav: the waveform holds NaN"):
        data.load(np.flatnonzero(data.ids == "low/3.wav"))
    assert len(load_data(f"folder:{tmp_path}?bad=skip")) == 4
    (tmp_path / "low" / "3.wav").write_bytes(b"RIFFxxxx")
    with pytest.raises(DataError, match=r"3\.wav: no sound file that can be read"):
        load_data(f"folder:{tmp_path}")
