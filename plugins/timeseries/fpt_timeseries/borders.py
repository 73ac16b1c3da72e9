"""Which rows of a series each split forecasts."""

from __future__ import annotations

from pathlib import Path

from fpt_plugins import InputError, SplitName

MONTH = 30
"""Days, as ETT's splits count them (Zhou et al., Informer, AAAI 2021)."""

STEPS_A_DAY = {"ETTh1": 24, "ETTh2": 24, "ETTm1": 96, "ETTm2": 96}
"""The files that have standard splits, by name."""

MONTHS = (12, 4, 4)
"""To train, to validate and to test; what comes later is not used."""


def borders(path: Path | None, rows: int, validation: float, test: float) -> dict[SplitName, range]:
    """The rows whose values each split forecasts, in the order of time.

    Args:
        path: The file, whose name may be that of a standard one.
        rows: How many it has.
        validation: The share that validates, of any other file.
        test: The share that tests, at its end.

    Raises:
        InputError: A standard file has too few rows.
    """
    if path is not None and path.stem in STEPS_A_DAY:
        lengths = [months * MONTH * STEPS_A_DAY[path.stem] for months in MONTHS]
        if rows < sum(lengths):
            raise InputError(
                f"{rows:,} rows, where the standard splits of {path.stem} take {sum(lengths):,}",
                "give another series another name",
                where=str(path),
            )
        train, validate = lengths[0], lengths[0] + lengths[1]
        return {
            "train": range(train),
            "validation": range(train, validate),
            "test": range(validate, sum(lengths)),
        }
    train, tested = int((1 - validation - test) * rows), int(test * rows)
    return {
        "train": range(train),
        "validation": range(train, rows - tested),
        "test": range(rows - tested, rows),
    }
