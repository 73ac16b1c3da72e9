"""Breast tumors by measurements of their cell nuclei: the rows of a table as sequences."""

import functools

import attrs
import numpy as np

import fpt_plugins as fpt

CUTS = {"train": slice(0, 341), "validation": slice(341, 455), "test": slice(455, None)}


@functools.cache
def table():
    """Measurements [569, 30] and diagnoses [569] that scikit-learn carries, in a random order."""
    from sklearn.datasets import load_breast_cancer

    rows, diagnoses = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    return rows[order], diagnoses[order]


def as_row(values, where=""):
    """Thirty numbers as a sample, or an error that names the place."""
    try:
        row = tuple(map(float, values))
    except (TypeError, ValueError, OverflowError):
        row = ()
    if isinstance(values, str) or len(row) != 30 or not np.isfinite(row).all():
        raise fpt.InputError(f"{values!r:.60} is no row of 30 numbers", where=where)
    return row


@attrs.frozen(kw_only=True)
class Diagnosis(fpt.Task):
    """Whether a tumor is malignant. A sample is a row of 30 measurements."""

    name = "cells/diagnosis"
    summary = "whether a tumor is malignant, by measurements of its cell nuclei"
    recipe = fpt.Recipe(steps=200, batch_size=32, lr=1e-3)
    sequence = fpt.Vectors(width=3, max_length=10)
    readout = fpt.Mean()
    target = fpt.Classes(("malignant", "benign"))
    metrics = (fpt.accuracy,)

    def split(self, name):
        rows, diagnoses = (part[CUTS[name]].tolist() for part in table())
        return [(tuple(row), diagnosis) for row, diagnosis in zip(rows, diagnoses, strict=True)]

    def tokenize(self, row):
        train = table()[0][CUTS["train"]]
        scaled = (np.array(as_row(row)) - train.mean(axis=0)) / train.std(axis=0)
        return scaled.reshape(3, 10).T  # ten measurements, each with its mean, its error, its worst

    def floors(self, split):
        (rows, known), (asked, answers) = (self.scaled(name) for name in ("train", split))
        centers = [rows[known == each].mean(axis=0) for each in (0, 1)]
        distances = [((asked - center) ** 2).sum(axis=(1, 2)) for center in centers]
        right = {
            "chance": 1 / 2,
            "majority class": np.mean(answers == np.bincount(known).argmax()),
            "nearest mean": np.mean(answers == np.argmin(distances, axis=0)),
        }
        floor = functools.partial(fpt.Floor, metric="accuracy", source=f"train, scored on {split}")
        return tuple(floor(name=name, value=float(share)) for name, share in right.items())

    def scaled(self, name):
        rows, diagnoses = zip(*self.split(name), strict=True)
        return np.array([self.tokenize(row) for row in rows]), np.array(diagnoses)

    def parse(self, value):
        return as_row(value)

    def read(self, path):
        lines = path.read_text(errors="replace").splitlines() or [""]  # an empty file is refused
        for number, line in enumerate(lines, start=1):
            name, *values = line.split(",")
            yield name, as_row(values, f"{path}, line {number}")


@fpt.hookimpl
def fpt_tasks():
    return [Diagnosis]


@fpt.hookimpl
def fpt_tokenize(task, samples):
    return fpt.Sequences.of([task.tokenize(sample) for sample in samples])
