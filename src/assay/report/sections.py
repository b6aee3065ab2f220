"""What stands on the page, in order, as data: the template only lays it out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from assay.estimate import Estimate
from assay.finding import Assessment, Figure, Finding, Row
from assay.report import figures, tables
from assay.report.charts import reading, weights
from assay.report.charts.reading import Drawing
from assay.report.charts.weights import Weights
from assay.report.summary import Mistake, RunSummary
from assay.report.words import heading

LENSES = ("selection", "reusability", "configurability", "durability", "sustainability")
_FIRST_IN_SELECTION = ("intervals", "scatter", "heatmap", "bars")
_VERDICTS = {"yes": "holds", "no": "does not hold", "undetermined": "undetermined"}
_TEXT_LENGTH = 420
_MOST_MISTAKES = 24


class Picture(NamedTuple):
    """One figure: drawn by Vega, or sliders; and its data as a table."""

    id: str
    title: str
    alt: str
    drawing: Drawing | None
    weights: Weights | None
    data: tables.Table


class Headline(NamedTuple):
    """One of the numbers an assessment puts first."""

    title: str
    cell: tables.Cell
    note: str


class Claim(NamedTuple):
    """One finding."""

    finding: Finding
    verdict: str
    estimates: list[Headline]


class Section(NamedTuple):
    """One assessment on the page."""

    id: str
    title: str
    assessment: Assessment
    verdict: str
    """The first sentences of the verdict, as many as a headline holds."""
    further: str
    """Its other sentences."""
    headlines: list[Headline]
    claims: list[Claim]
    pictures: list[Picture]
    tables: list[tables.Table]
    inputs: list[tuple[str, tables.Cell]]
    cost: list[tuple[str, tables.Cell]]


class Page(NamedTuple):
    """All that the template needs."""

    title: str
    study: str
    smoke: bool
    lead: list[Section]
    """The assessments told before the mistakes: those of selection, or the first of all."""
    others: list[Section]
    mistakes: list[tuple[str, list[Mistake]]]
    """The data set's name, and the mistakes on it."""
    more_mistakes: int
    models: tables.Table | None
    data: tables.Table | None
    cost: tables.Table | None
    environment: list[tuple[str, tables.Cell]]
    command: str
    notes: Sequence[str]

    @property
    def has_run(self) -> bool:
        """Whether anything is known of what was run."""
        told = any(section.inputs or section.cost for section in self.sections)
        return told or any((self.models, self.data, self.cost, self.environment))

    @property
    def has_caveats(self) -> bool:
        """Whether there is anything to be careful about."""
        return bool(self.notes) or any(section.assessment.caveats for section in self.sections)

    @property
    def sections(self) -> list[Section]:
        """All assessments, in the order of the page."""
        return [*self.lead, *self.others]


def page(assessments: Sequence[Assessment], run: RunSummary | None, *, rows: int, drawn: int) -> Page:
    """The page of these assessments: at most `rows` rows of a table and `drawn` rows of a figure."""
    ordered = sorted(assessments, key=lambda item: LENSES.index(item.lens) if item.lens in LENSES else len(LENSES))
    counts = [item.lens for item in ordered]
    sections = [section(item, f"a{i}", rows=rows, drawn=drawn, numbered=counts.count(item.lens) > 1)
                for i, item in enumerate(ordered, 1)]  # fmt: skip
    first = sum(item.lens == "selection" for item in ordered) or 1
    run = run or RunSummary(title=_title(ordered))
    smoke = run.smoke or any(bool(item.inputs.get("smoke")) for item in ordered)
    mistakes = _by_data(run.mistakes, min(_MOST_MISTAKES, max(4, rows // 10)))
    shown = sum(len(found) for _, found in mistakes)
    return Page(
        run.title, run.study, smoke, sections[:first], sections[first:], mistakes, len(run.mistakes) - shown,
        _optional("models", run.models, rows), _optional("data", run.data, rows),
        _optional("cost", run.cost, rows), pairs(run.environment), run.command, run.notes,
    )  # fmt: skip


def section(
    item: Assessment, name: str, *, rows: int, drawn: int, numbered: bool = False, draw: bool = True
) -> Section:
    """One assessment, its parts laid out and, unless `draw` is false, drawn."""
    shown = in_order(item) if draw else ()
    pictures = [picture(figure, f"{name}f{i}", rows=rows, drawn=drawn) for i, figure in enumerate(shown, 1)]
    pictures = _said_once(pictures)
    laid = [
        tables.table(title, found, limit=rows, open_rows=tables.FURTHER_ROWS if i else tables.OPEN_ROWS)
        for i, (title, found) in enumerate((title, found) for title, found in item.tables.items() if found)
    ]
    headline_words, further_words = _split(item.verdict)
    subject = item.inputs.get("task") or item.inputs.get("data")
    title = heading(item.lens) + (f" on {subject}" if numbered and isinstance(subject, str) else "")
    return Section(
        name, title, item, headline_words, further_words, [headline(value) for value in item.estimates],
        [_claim(finding) for finding in item.findings], pictures, laid, pairs(item.inputs), pairs(item.cost),
    )  # fmt: skip


def picture(figure: Figure, name: str, *, rows: int, drawn: int) -> Picture:
    """One figure with its data."""
    sliders = weights.lay_out(figure, drawn) if figure.kind == "weights" else None
    drawing = figures.draw(figure, limit=drawn) if sliders is None else None
    titled = [{reading.title(figure, column) if column in ("x", "y") else column: value
               for column, value in row.items()} for row in figure.rows[: rows // 4]]  # fmt: skip
    data = tables.table(figure.name, titled)._replace(total=len(figure.rows))
    return Picture(name, figure.title, figure.alt or figure.title, drawing, sliders, data)


def _said_once(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures of a section without the notes that one before them has said already."""
    said: set[str] = set()
    kept: list[Picture] = []
    for item in pictures:
        if item.drawing is not None:
            notes = tuple(note for note in item.drawing.notes if note not in said)
            said.update(notes)
            item = item._replace(drawing=item.drawing._replace(notes=notes))
        kept.append(item)
    return kept


def headline(estimate: Estimate) -> Headline:
    """One estimate with what its interval is about."""
    size = f"n\u00a0=\u00a0{estimate.n:,}" if estimate.n is not None else ""
    note = ", ".join(part for part in (tables.way(estimate), size) if part)
    return Headline(heading(estimate.name), tables.cell(estimate), note)


def common_note(headlines: Sequence[Headline]) -> str:
    """The note that all these numbers share, so that it is said once; empty when they differ."""
    notes = {item.note for item in headlines if item.cell.kind != "unknown"}
    return notes.pop() if len(notes) == 1 and len(headlines) > 1 else ""


def pairs(record: Mapping[str, Any]) -> list[tuple[str, tables.Cell]]:
    """A record as names and cells; nested records become rows of their own."""
    found: list[tuple[str, tables.Cell]] = []
    for name, value in record.items():
        if isinstance(value, Mapping):
            found += [(f"{heading(name)}: {inner}", cell) for inner, cell in pairs(value)]
        else:
            found.append((heading(name), tables.cell(value, name)))
    return [(name, cell) for name, cell in found if cell.kind != "empty"]


def _split(verdict: str, most: int = 150) -> tuple[str, str]:
    """The first sentences of a verdict that together have at most `most` characters, at least one; and the others."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", verdict.strip())
    count = 1
    while count < len(sentences) and len(" ".join(sentences[: count + 1])) <= most:
        count += 1
    return " ".join(sentences[:count]), " ".join(sentences[count:])


def _claim(finding: Finding) -> Claim:
    return Claim(finding, _VERDICTS[finding.verdict], [headline(estimate) for estimate in finding.estimates])


def in_order(item: Assessment) -> Sequence[Figure]:
    """In selection the ranking comes first, then score against cost, then the view by class; elsewhere as given."""
    if item.lens != "selection":
        return item.figures
    order = {kind: i for i, kind in enumerate(_FIRST_IN_SELECTION)}
    return sorted(item.figures, key=lambda figure: order.get(figure.kind, len(order)))


def _by_data(mistakes: Sequence[Mistake], most: int) -> list[tuple[str, list[Mistake]]]:
    """At most `most` mistakes of each data set."""
    groups: dict[str, list[Mistake]] = {}
    for mistake in mistakes:
        groups.setdefault(mistake.data, []).append(mistake)
    return [(data, [_cut(mistake) for mistake in found[:most]]) for data, found in groups.items()]


def _cut(mistake: Mistake) -> Mistake:
    """The mistake as it may be shown: long text cut, and an image only when it stands in the page itself."""
    image = mistake.image if mistake.image and mistake.image.startswith("data:image/") else None
    text = mistake.text
    if text and len(text) > _TEXT_LENGTH:
        text = f"{text[:_TEXT_LENGTH].rstrip()}…"
    return Mistake(id=mistake.id, target=mistake.target, label=mistake.label, confidence=mistake.confidence,
                   model=mistake.model, data=mistake.data, image=image, text=text)  # fmt: skip


def _optional(name: str, rows: Sequence[Row], limit: int) -> tables.Table | None:
    return tables.table(name, rows, limit=limit) if rows else None


def _title(ordered: Sequence[Assessment]) -> str:
    return heading(ordered[0].lens) if len(ordered) == 1 else "Assessment of pretrained models"
