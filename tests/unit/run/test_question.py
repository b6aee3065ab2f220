"""What rank and select are asked: budgets as people type them."""

from __future__ import annotations

import pytest

from assay.errors import UsageError
from assay.run.question import Budget


@pytest.mark.parametrize(
    ("text", "per_hour", "wanted"),
    [("90s", None, (90, None)), ("10m", None, (600, None)), ("1.5h", None, (5400, None)),
     ("12 trials", None, (None, 12)), ("2.50 money", 5.0, (1800, None))],
)  # fmt: skip
def test_budgets_as_people_type_them(text, per_hour, wanted):
    """Times, trials and money are understood."""
    found = Budget.parse(text, per_hour=per_hour)

    assert (found.seconds, found.trials) == wanted


@pytest.mark.parametrize("text", ["soon", "10", "2.50 money"])
def test_budgets_that_cannot_be_read(text):
    """A bare number, a word, or money without a price is refused with examples."""
    with pytest.raises(UsageError, match="10m|per-hour"):
        Budget.parse(text)
