"""Time columns and windows: every kind is read as what it is, or refused with what would make it clear."""

import datetime

import numpy as np
import pandas as pd
import pytest

from assay.assess.durability.reading.windows import cut
from assay.errors import DataError, UnknownNameError, UsageError
from assay.times.instants import future_rows, read_instants, show_instant


def read(values, **options):
    return read_instants(pd.Series(values, name="when"), **options)


def shown(values, **options):
    found = read(values, **options)
    return [show_instant(value, found.resolution) for value in found.value]


READS = [
    ([2015, 2016], "2015-01-01", "year"),
    (["2015", "2016"], "2015-01-01", "year"),
    ([201606, 201607], "2016-06-01", "month"),
    ([20160612, 20160613], "2016-06-12", "day"),
    ([1465689600, 1465689661], "2016-06-12", "instant"),
    ([1465689600000, 1465689661000], "2016-06-12", "instant"),
    ([1465689600000000, 1465689661000000], "2016-06-12", "instant"),
    ([1465689600000000000, 1465689661000000000], "2016-06-12", "instant"),
    (["2016-Q3", "2016-Q4"], "2016-07-01", "quarter"),
    (["Q3 2016", "Q4 2016"], "2016-07-01", "quarter"),
    (["2016-06", "2016-07"], "2016-06-01", "month"),
    (["June 2016", "July 2016"], "2016-06-01", "month"),
    (["2016-W24", "2016-W25"], "2016-06-13", "week"),
    (["2016-06-12", "2016-06-13"], "2016-06-12", "day"),
    (["12.06.2016", "13.06.2016"], "2016-06-12", "day"),
    (["12 June 2016", "13 June 2016"], "2016-06-12", "day"),
    (["Sun Jun 12 10:00:00 +0000 2016", "Sun Jun 12 11:00:00 +0000 2016"], "2016-06-12T10:00:00Z", "instant"),
    ([datetime.date(2016, 6, 12), datetime.date(2016, 6, 13)], "2016-06-12", "day"),
    (pd.period_range("2016Q3", periods=2, freq="Q"), "2016-07-01", "quarter"),
    (
        pd.to_datetime(["2016-06-12 01:00", "2016-06-12 02:00"]).tz_localize("Asia/Tokyo"),
        "2016-06-11T16:00:00Z",
        "instant",
    ),
    ([1, 2], "1", "order"),
]


@pytest.mark.parametrize(("values", "first", "resolution"), READS, ids=[str(case[0])[:24] for case in READS])
def test_each_kind_of_time_is_told_by_itself(values, first, resolution):
    """Years, packed dates, epochs in any unit, text, periods, zones and plain order are read as what they are."""
    found = read(values)

    assert show_instant(found.value[0], found.resolution) == first
    assert found.resolution == resolution


def test_an_integer_year_is_never_1970():
    """A column of years is years, whatever its number type."""
    for kind in (int, float, np.int32, str):
        assert shown([kind(2015), kind(2018)]) == ["2015-01-01", "2018-01-01"]


def test_zones_are_brought_to_utc():
    """Times of two zones become one clock, and the reader is told."""
    found = read(["2016-06-12T10:00:00Z", "2016-06-12T10:00:00+02:00"])

    assert found.value[0] - found.value[1] == 2 * 3600e6
    assert "2 zones" in found.notes[0]


def test_a_stated_zone_holds_for_times_that_name_none():
    """With a zone given, local times are moved and zoned ones are left."""
    assert shown(["2016-06-12 10:00", "2016-06-12T11:00Z"], time_zone="Europe/Vienna") == [
        "2016-06-12T08:00:00Z", "2016-06-12T11:00:00Z",
    ]  # fmt: skip


@pytest.mark.parametrize(("values", "says"), [
    (["03/04/2016", "05/06/2016"], "--day-first"),
    (["13/04/2016", "04/16/2016"], "mixes"),
    (["2016-06-12T10:00Z", "2016-06-12 10:00"], "--time-zone"),
    ([100, 1465689600], "--time-unit"),
    ([2015.5, 2016.5], "--time-unit"),
    (["2016-06-12", "2016-06-13", "soon"], "'soon'"),
    (["12/06/16", "13/06/16"], "'12/06/16'"),
    ([None, None], "no time"),
    ([True, False], "not times"),
])  # fmt: skip
def test_what_has_two_meanings_is_refused(values, says):
    """An ambiguous or unreadable column is refused, and the message says what would make it clear."""
    with pytest.raises(DataError, match=says):
        read(values)


def test_day_first_can_be_told_from_the_column_or_by_the_user():
    """One day above 12 settles the order; otherwise the user's word does, and a contradiction is refused."""
    assert shown(["03/04/2016", "15/04/2016"])[0] == "2016-04-03"
    assert shown(["03/04/2016"], day_first=False) == ["2016-03-04"]
    with pytest.raises(DataError, match="cannot be the day"):
        read(["03/04/2016", "15/04/2016"], day_first=False)


def test_units_and_zones_that_do_not_exist_are_refused():
    """A wrong unit or zone is a usage error."""
    with pytest.raises(UsageError, match="time unit"):
        read([1], unit="fortnights")
    with pytest.raises(UsageError, match="Nowhere"):
        read(["2016-06-12 10:00"], time_zone="Nowhere")


def test_future_rows_lie_more_than_a_day_ahead():
    """A row of tomorrow's morning is not the future; one of next week is."""
    found = read(["2016-06-12", "2016-06-13", "2016-06-20"])

    assert future_rows(found, now=found.value[0] / 1e6).tolist() == [False, False, True]
    assert not future_rows(read([1, 2]), now=0).any()


def days(count=600, start="2016-01-05"):
    return read(pd.date_range(start, periods=count, freq="D"))


@pytest.mark.parametrize(("spec", "count", "first", "unit"), [
    ("month", 20, "2016-01", "month"), ("quarter", 7, "2016Q1", "month"), ("year", 2, "2016", "year"),
    ("week", 86, "2016-01-04", "week"), ("14d", 43, "2016-01-05", "month"), ("72h", 200, "2016-01-05", "day"),
    ("100", 6, "rows 1–100", "1,000 rows"),
])  # fmt: skip
def test_windows_by_calendar_stretch_and_rows(spec, count, first, unit):
    """Each form of window cuts as it says, keeps every row, and names its unit of time."""
    found = cut(days(), spec)

    assert len(found) == count
    assert found.names[0] == first
    assert found.unit == unit
    assert (found.index >= 0).all()


def test_an_empty_window_stays():
    """A month without rows is a window without rows."""
    found = cut(read(["2016-01-05", "2016-03-05"]), "month")

    assert found.names == ("2016-01", "2016-02", "2016-03")
    assert np.bincount(found.index, minlength=3).tolist() == [1, 0, 1]


def test_an_origin_starts_the_stretches_and_leaves_out_what_came_before():
    """Fortnights start at the origin; earlier rows are in no window."""
    found = cut(days(), "14d", origin="2016-06-12")

    assert found.names[0] == "2016-06-12"
    assert (found.index[:159] == -1).all()
    assert found.index[159] == 0


def test_windows_do_not_depend_on_the_order_of_rows():
    """Unsorted rows fall into the same windows."""
    order = np.random.default_rng(0).permutation(600)
    sorted_, mixed = cut(days(), "100"), cut(days().take(order), "100")

    assert mixed.names == sorted_.names
    assert (mixed.index == sorted_.index[order]).all()


def test_a_short_last_window_of_rows_joins_the_one_before():
    """A remainder of less than half a window is no window of its own."""
    assert np.bincount(cut(days(540), "100").index).tolist() == [100, 100, 100, 100, 140]
    assert np.bincount(cut(days(560), "100").index).tolist() == [100, 100, 100, 100, 100, 60]


def test_a_column_names_the_windows_in_order_of_time():
    """Windows from a column are ordered by when they begin."""
    found = cut(read([3, 4, 1, 2, 5]), None, column=["late", "late", "early", "early", None])

    assert found.names == ("early", "late")
    assert found.index.tolist() == [1, 1, 0, 0, -1]


def test_windows_that_the_times_cannot_carry_are_refused():
    """Months of years, dates of plain order, unknown words, far origins and thousands of windows are refused."""
    with pytest.raises(UsageError, match="whole years"):
        cut(read([2015, 2016]), "month")
    with pytest.raises(UsageError, match="plain order"):
        cut(read([1, 2, 3]), "month")
    with pytest.raises(UnknownNameError, match="did you mean 'colour'"):
        cut(days(), "color", columns=["colour"])
    with pytest.raises(DataError, match="no row lies at or after"):
        cut(days(), "month", origin="2030")
    with pytest.raises(UsageError, match="not a date"):
        cut(days(), "month", origin="soon")
    with pytest.raises(DataError, match="2,000 is the most"):
        cut(read(np.arange(5000)), "1")


def test_the_default_window_has_rows_enough():
    """Without a word, the finest calendar window with some 200 rows, or the coarsest that gives four."""
    assert cut(read(pd.date_range("2016-01-01", periods=5000, freq="30min")), None).unit == "week"
    assert len(cut(days(), None)) >= 4
    assert len(cut(read(np.arange(10)), None)) >= 4
    assert cut(read(np.repeat([2015, 2016, 2017], 500)), None).names == ("2015", "2016", "2017")
