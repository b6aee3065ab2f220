"""The scripts of a page are bundled once, and what was kept is used only where it is whole."""

import pytest

from assay.report.bundle import bundle


class Converter:
    """What bundles: it counts how often."""

    def __init__(self) -> None:
        self.made = 0

    def javascript_bundle(self, call: str) -> str:
        self.made += 1
        return f"vega;{call}"


@pytest.fixture
def converter(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bundle.cache_clear()
    yield Converter()
    bundle.cache_clear()


def again(converter):
    bundle.cache_clear()
    return bundle(converter)


def test_a_second_page_reads_what_the_first_bundled(converter, tmp_path):
    """The converter is asked once; another process reads its text from the cache folder."""
    first = bundle(converter)

    assert again(converter) == first == "vega;window.vegaEmbed = vegaEmbed;"
    assert converter.made == 1
    assert [path.suffix for path in (tmp_path / "assay").iterdir()] == [".js"]


def test_a_kept_text_that_was_changed_is_bundled_anew(converter, tmp_path):
    """A script that is not what the converter gave never reaches a page."""
    first = bundle(converter)
    kept = next((tmp_path / "assay").iterdir())
    kept.write_text(kept.read_text() + "alert(1)")

    assert again(converter) == first
    assert converter.made == 2


def test_a_folder_that_cannot_be_written_costs_time_only(converter, tmp_path, monkeypatch):
    """Where nothing can be kept, the page is made all the same."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert bundle(converter).startswith("vega;")
