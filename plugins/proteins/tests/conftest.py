"""Writes files in TAPE's published layout, as its ``tfrecord_to_lmdb.py`` and ``tfrecord_to_json.py`` do."""

import json
import pickle

import lmdb
import numpy as np
import pytest

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


class TapeFiles:
    """A data root, and what writes TAPE's files in it."""

    PARTS = ("train", "valid", "test_fold_holdout", "test_superfamily_holdout", "test_family_holdout")

    def __init__(self, data_root):
        self.data_root = data_root
        self.folder = data_root / "remote_homology"
        self.folder.mkdir()

    def record(self, number, fold, sequence):
        """One record with all of TAPE's fields, arrays included."""
        length = len(sequence)
        return {
            "id": f"d{number}abc_".encode(),
            "protein_length": length,
            "class_label": fold % 7,
            "fold_label": fold,
            "superfamily_label": fold + 3,
            "family_label": fold + 5,
            "primary": sequence,
            "secondary_structure": np.eye(3, dtype=np.float32)[np.arange(length) % 3],
            "solvent_accessibility": np.arange(length, dtype=np.int64),
            "evolutionary": np.arange(20 * length, dtype=np.int64).reshape(length, 20),
        }

    def records(self, count, start=0):
        """Records of different sequences and of folds 0, 1, 2, ..."""
        return [
            self.record(number, number % 1195, f"{LETTERS[number % 20]}{LETTERS[number // 20 % 20]}MKV")
            for number in range(start, start + count)
        ]

    def write_json(self, part, items):
        """``remote_homology_PART.json``: one list of objects, arrays as lists and bytes as text."""
        path = self.folder / f"remote_homology_{part}.json"
        path.write_text(json.dumps([{name: _plain(value) for name, value in item.items()} for item in items]))
        return path

    def write_lmdb(self, part, items, *, count=None, protocol=3):
        """``remote_homology_PART.lmdb``: pickles under their numbers, and ``num_examples``."""
        folder = self.folder / f"remote_homology_{part}.lmdb"
        folder.mkdir()
        pickles = [item if isinstance(item, bytes) else pickle.dumps(item, protocol) for item in items]
        count = len(items) if count is None else count
        environment = lmdb.open(str(folder), map_size=1 << 28)
        with environment, environment.begin(write=True) as transaction:
            for number, value in enumerate(pickles):
                transaction.put(str(number).encode(), value)
            transaction.put(b"num_examples", pickle.dumps(count, protocol))
        return folder


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.decode() if isinstance(value, bytes) else value


@pytest.fixture
def tape(tmp_path):
    """A data root without files in it yet."""
    return TapeFiles(tmp_path)


@pytest.fixture(autouse=True)
def conversions(tmp_path, monkeypatch):
    """The folder in which conversions are kept, not made yet."""
    monkeypatch.setenv("FPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "parsed" / "proteins"
