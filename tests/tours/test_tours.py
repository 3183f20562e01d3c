"""Every tour, from end to end: a real jar, real sandboxes, the stock AWS CLI."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from cloudjar.tours.catalogue import TOURS, title
from cloudjar.tours.tour import Tour, TourFailed

PLACES = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
MISSING = [program for program in ("aws", "curl") if not shutil.which(program, path=PLACES)]


@pytest.fixture
def tour():
    said = []
    tour = Tour(lambda kind, text: said.append((kind, text)), os.environ)
    tour.said = said
    yield tour
    tour.close()


@pytest.mark.skipif(bool(MISSING), reason=f"the tours need {' and '.join(MISSING)}, which this machine lacks")
@pytest.mark.parametrize("name", TOURS)
def test_a_tour_reaches_its_end(tour, name):
    TOURS[name](tour)
    assert tour.checks == sum(kind == "pass" for kind, _ in tour.said) > 5


def test_a_check_that_does_not_hold_ends_the_tour(tour):
    with pytest.raises(TourFailed, match="found 3"):
        tour.check("two and two are four", False, 3)
    assert tour.said == [("fail", "two and two are four")]


def test_every_tour_says_what_it_is():
    assert all(title(name) for name in TOURS)
