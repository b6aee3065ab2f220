"""The front door: a table, the names of its columns, and what is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from assay.assess.durability.lens import Question, assess
from assay.assess.durability.reading.log import Columns, read_log
from assay.assess.durability.stream import Refit, probe
from assay.errors import UnknownNameError
from assay.finding import Assessment


def durability(
    log: Any, *, time: str, target: str, prediction: str | None = None, proba: str | Sequence[str] = (),
    features: Any = None, refit: Refit = probe, **options: Any,
) -> Assessment:  # fmt: skip
    """How long the model behind a prediction log lasts, how fast it fades, and why.

    Use it for the log of any system: one row a prediction, with its time and the label that turned out to be right.
    Missing labels are late labels; such rows are estimated without them.

    Args:
        log: a data frame, or anything that pandas makes one of.
        time: column of times: dates, text, periods, years, epoch numbers or plain order.
        target: column of true labels.
        prediction: column of predictions.
        proba: columns of probabilities; one for two classes, or one a class (`class=column` names the class).
        features: names of columns, or an (n, d) array or table with the rows of the log.
        refit: fits a head on frozen features, for staleness regret; a logistic probe by default.
        options: further columns (`split`, `group`, `text`, `id`), how to read them (`task`, `time_unit`, `day_first`,
            `time_zone`), and the question (`window`, `origin`, `floor`, `metric`, `direction`, `against`, `level`,
            `rng_seed`, `refits`).

    Returns:
        The assessment.

    Raises:
        UsageError: an option or a column that does not fit.
        DataError: rows that cannot be used.
        NothingToAssessError: no labelled row.

    Example:
        >>> import pandas as pd
        >>> months = pd.date_range("2016-01-01", periods=400, freq="D")
        >>> right = [1] * 190 + [1, 0] * 105
        >>> log = pd.DataFrame({"day": months, "label": [0, 1] * 200, "right": right})
        >>> log["said"] = log["label"].where(log["right"] == 1, 1 - log["label"])
        >>> found = durability(log, time="day", target="label", prediction="said", window="quarter", refits=0)
        >>> found.estimate("drop").value > 20
        True
    """
    import pandas as pd

    frame = log if isinstance(log, pd.DataFrame) else pd.DataFrame(log)
    of_columns = {field.name for field in fields(Columns)} - {"time", "target", "prediction", "proba", "features"}
    of_question = {field.name for field in fields(Question)}
    for name in options:
        if name not in of_columns | of_question:
            raise UnknownNameError("option", name, of_columns | of_question, where="durability")
    named = _names(features) if _are_names(features) else ()
    columns = Columns(
        time=time, target=target, prediction=prediction, proba=_names(proba), features=named,
        **{name: value for name, value in options.items() if name in of_columns},
    )  # fmt: skip
    question = Question(**{name: value for name, value in options.items() if name in of_question})
    return assess(read_log(frame, columns, features=None if named else features), question, refit=refit)


def _are_names(features: Any) -> bool:
    return isinstance(features, str) or (
        isinstance(features, (list, tuple)) and all(isinstance(f, str) for f in features)
    )


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())
