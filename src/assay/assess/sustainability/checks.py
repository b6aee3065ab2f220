"""What must hold before scores are compared: one metric a task, one score a cell, one protocol a task, one scale.

A table that breaks the second or the fourth is refused with the places; the others are set right and reported.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.assess.sustainability.fingerprint import differing
from assay.assess.sustainability.options import Reading
from assay.assess.sustainability.records import DIRECTION, LEVELS, Records, Scores, is_missing
from assay.assess.sustainability.scale import check_scale
from assay.errors import DataError, UnknownNameError


def one_metric(given: Records, reading: Reading) -> tuple[Records, dict[str, Scores], tuple[str, ...]]:
    """The records of each task's main metric, the other metrics as (m, t) tables, and what to say about it.

    The tables of other metrics are turned so that higher is better. The main metric is the one asked for, or that of
    most models on the task. A model that has another one only keeps its record; `comparable` takes it out and says so.

    Raises:
        UnknownNameError: when the metric asked for is nowhere in the table.
    """
    marks = given.marks.get("metric")
    names = sorted({str(mark) for mark in marks if not is_missing(mark)}) if marks is not None else []
    if reading.metric is not None and reading.metric not in names:
        raise UnknownNameError("metric", reading.metric, names, where=given.source or "the table")
    if marks is None or len(names) < 2:
        return given, {}, ()
    metric = np.array([str(mark) for mark in marks], dtype=object)
    main = np.full(len(given), False)
    chosen: set[str] = set()
    for task in set(given.task.tolist()):
        here = given.task == task
        cells = dict.fromkeys(zip(given.model[here].tolist(), metric[here].tolist(), strict=True))
        counts = Counter(name for _, name in cells)
        best = reading.metric if reading.metric in counts else counts.most_common(1)[0][0]
        main |= here & (metric == best)
        chosen.add(str(best))
    doubled = np.isin(given.cell, given.cell[main]) & ~main
    turned = replace(given, score=np.where(directions(given, reading), given.score, -given.score))
    others = {name: turned.keep((metric == name) & (doubled | main)).table() for name in sorted(set(metric[doubled]))}
    note = f"several metrics: {', '.join(sorted(chosen))} stand for their tasks; --metric takes another one"
    return given.keep(~doubled), others, (note,) if doubled.any() else ()


def directions(given: Records, reading: Reading) -> NDArray[np.bool_]:
    """(N,) whether higher is better, record by record: as its column says, and never on a task named as lower."""
    told = given.marks.get(DIRECTION)
    up = np.ones(len(given), dtype=bool) if told is None else np.array([_is_up(mark) for mark in told], dtype=bool)
    named = np.array([task in reading.lower for task in given.tasks], dtype=bool)
    return up & ~named[given.task] if len(given) else up


def higher_of_tasks(now: Records, reading: Reading) -> NDArray[np.bool_]:
    """(t,) whether higher is better on each task.

    Raises:
        DataError: when the scores of a task disagree about it.
    """
    up = directions(now, reading)
    higher = np.array([task not in reading.lower for task in now.tasks], dtype=bool)
    for task in set(now.task.tolist()):
        here = np.flatnonzero(now.task == task)
        if up[here].any() and not up[here].all():
            yes, no = (next(int(at) for at in here if up[at] == wanted) for wanted in (True, False))
            raise DataError(
                f"{now.source or 'the table'}: on task {now.tasks[task]!r} higher is better in {now.place(yes)} and "
                f"worse in {now.place(no)}; scores of one task have one direction"
            )
        higher[task] = up[here[0]]
    return higher


def _is_up(mark: Any) -> bool:
    return is_missing(mark) or str(mark).strip().casefold() not in ("false", "0", "0.0", "no")


def no_doubles(given: Records) -> None:
    """Refuse a table in which a model stands twice on a task.

    Raises:
        DataError: naming the places, and the options that would tell the scores apart.
    """
    columns = [given.cell.tolist(), *(given.levels[level].tolist() for level in LEVELS if level in given.levels)]
    seen: dict[tuple[Any, ...], list[int]] = {}
    for at, key in enumerate(zip(*columns, strict=True)):
        seen.setdefault(key, []).append(at)
    doubled = [rows for rows in seen.values() if len(rows) > 1]
    if not doubled:
        return
    rows = doubled[0]
    absent = [f"--{level}" for level in LEVELS if level not in given.levels]
    cure = "name another column of models with --index" if given.wide else (
        f"name the column that tells them apart with {' or '.join(absent)}" if absent else "see which is right"
    )  # fmt: skip
    more = f"; {len(doubled)} cells are doubled in all" if len(doubled) > 1 else ""
    raise DataError(
        f"{given.source or 'the table'}: model {given.models[given.model[rows[0]]]!r} stands {len(rows)} times on task "
        f"{given.tasks[given.task[rows[0]]]!r}, in {' and '.join(given.place(at) for at in rows[:3])}{more}. Keep one "
        f"of them, or {cure}"
    )


def comparable(given: Records) -> tuple[Records, tuple[dict[str, Any], ...]]:
    """The records whose protocol is that of most models on their task (and version), and the others as flags."""
    names = [name for name in given.parts.get("protocol", []) if len(set(map(str, given.marks[name]))) > 1]
    if not names:
        return given, ()
    rows = [tuple(given.marks[name][at] for name in names) for at in range(len(given))]
    time = given.levels.get("time")
    groups: dict[tuple[int, Any], list[int]] = {}
    for at, task in enumerate(given.task.tolist()):
        groups.setdefault((task, None if time is None else time[at]), []).append(at)
    keep = np.ones(len(given), dtype=bool)
    flags: list[dict[str, Any]] = []
    for (task, stamp), members in groups.items():
        votes = Counter(tuple(map(str, rows[at])) for at in {given.model[at]: at for at in members}.values())
        usual = votes.most_common(1)[0][0]
        example = next(rows[at] for at in members if tuple(map(str, rows[at])) == usual)
        for at in members:
            told = differing(dict(zip(names, rows[at], strict=True)), dict(zip(names, example, strict=True)))
            if told:
                keep[at] = False
                flags.append({
                    "model": given.models[given.model[at]], "task": given.tasks[task],
                    "time": None if stamp is None else str(stamp), "kind": "not comparable", "size": None,
                    "why": f"{'; '.join(told)} for most models on this task; left out",
                })  # fmt: skip
    return given.keep(keep), tuple(flags)


def scales_agree(now: Records, table: Scores, *, within_tasks: bool) -> None:
    """Refuse a table in which fractions and percent are mixed, or only tasks that mix them where all are standardised.

    Raises:
        DataError: naming cells and their places.
    """

    def where(model: int, task: int) -> str:
        rows: NDArray[np.int_] = np.flatnonzero((now.model == model) & (now.task == task))
        return f"model {now.models[model]!r} ({now.place(int(rows[0]))})"

    try:
        check_scale(table, now.tasks, where, within_tasks=within_tasks)
    except DataError as error:
        raise DataError(f"{now.source or 'the table'}: {error}") from None
