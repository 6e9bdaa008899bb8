"""Thresholds for a stated rate of false alarms, from probes of people who are not enrolled.

A stranger's probe is a false positive where its best score among all enrolled people reaches the threshold; the
share of such probes is the false-positive identification rate (FPIR).

**The threshold.** Of N strangers' probes, the threshold for a rate f lets at most f N through. No threshold is
stated below a rate of 1 / N: so few probes cannot show it.

**The interval.** Let k of the N scores reach the threshold t. Since t was chosen on the same scores, k is not
binomial; but t lies above the (k+1)-th largest score and at most at the k-th. The chance that a new probe exceeds
the k-th largest of N scores follows Beta(k, N - k + 1), that for the (k+1)-th Beta(k + 1, N - k). Clopper and
Pearson's 95 % interval runs from the 2.5 % quantile of the first to the 97.5 % quantile of the second, and
therefore covers the true rate for every such t. It takes probes as independent: use one photograph per stranger
where there are enough.

**A gallery that has grown.** If each of n comparisons with an enrolled face (or person, if a person's score is the
mean) is a false match with chance p, independently, the rate is F(n) = 1 - (1 - p)^n. From the rate F at n
comparisons follows p = 1 - (1 - F)^(1/n), and for m comparisons F(m) = 1 - (1 - F)^(m/n). Strangers differ: some
resemble many people, so p varies between probes. Then F(n) = 1 - E[x] with x = (1 - p)^n, and F(m) = 1 -
E[x^(m/n)]; for m > n, Jensen's inequality gives E[x^(m/n)] >= E[x]^(m/n), so that the formula is an upper bound
for a grown gallery, and a lower bound for one that has shrunk.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import Connection, delete, insert, select

from cshml_tf.gallery.content import checked_scores
from cshml_tf.gallery.rows import count_people_and_faces, now, read_card, write_log
from cshml_tf.gallery.schema import CALIBRATIONS
from cshml_tf.gallery.store import Gallery
from cshml_tf.metrics.verification import threshold_at_far

REDUCED, NATIVE = "reduced", "native"


@dataclass(frozen=True)
class Calibration:
    """The best scores of strangers' probes of one kind against a gallery of one size.

    Attributes:
        kind: the view that suits the probes, "HR" or a resolution.
        fpir: the stated false-positive identification rate.
        scores: (probes,) float64.
        strangers: number of people whose probes these are.
        people: number of people in the gallery then.
        faces: number of faces in the gallery then.
        created: time in UTC.
        origin: "reduced", the probes are sharp photographs that were reduced to the resolution; or "native", they
            are faces that were that small in their pictures.
    """

    kind: str
    fpir: float
    scores: np.ndarray
    strangers: int
    people: int
    faces: int
    created: str = ""
    origin: str = REDUCED

    @property
    def least_rate(self) -> float:
        """The lowest rate that so many probes can support."""
        return 1 / len(self.scores)

    def at(self, fpir: float | None = None) -> "Threshold":
        """Return the threshold for a rate, the stated one by default.

        Raises:
            ValueError: the rate is not between 0 and 1, or the probes are too few for it.
        """
        fpir = self.fpir if fpir is None else fpir
        if not 0 < fpir < 1:
            raise ValueError(f"fpir: expected a rate between 0 and 1, got {fpir}")
        threshold = threshold_at_far(self.scores, fpir)
        if threshold is None:
            raise ValueError(
                f"fpir: expected {self.least_rate:.3g} or more for {self.kind}, the least rate that "
                f"{len(self.scores)} strangers' probes can support, got {fpir:g}"
            )
        passed = int(np.sum(self.scores >= threshold))
        return Threshold(threshold, fpir, passed, len(self.scores), rate_interval(passed, len(self.scores)))


@dataclass(frozen=True)
class Threshold:
    """A threshold, and what is known of its rate.

    Attributes:
        value: the lowest score that is taken for an enrolled person's.
        fpir: the stated rate.
        passed: number of strangers' probes that reached the threshold.
        probes: number of strangers' probes.
        interval: 95 % interval of the rate.
    """

    value: float
    fpir: float
    passed: int
    probes: int
    interval: tuple[float, float]

    @property
    def achieved(self) -> float:
        """The share of the strangers' probes that reached the threshold: the stated rate or less."""
        return self.passed / self.probes


def rate_interval(passed: int, probes: int) -> tuple[float, float]:
    """Return the 95 % interval of a rate (Clopper and Pearson, 1934).

    Args:
        passed: number of probes that passed, 0..probes.
        probes: number of probes, at least 1.

    Returns:
        (low, high), 0..1.

    Raises:
        ValueError: a count is out of range.
    """
    # scipy.stats takes as long to import as everything else here together.
    from scipy.stats import binomtest

    if not (probes >= 1 and 0 <= passed <= probes):
        raise ValueError(f"passed: expected 0 to {probes}, of at least 1 probe, got {passed}")
    found = binomtest(passed, probes).proportion_ci(0.95, "exact")
    return float(found.low), float(found.high)


def expected_rate(rate: float, comparisons: int, comparisons_now: int) -> float:
    """Return the rate to be expected of a gallery of another size: 1 - (1 - rate)^(now / then).

    Args:
        rate: measured at `comparisons`, 0..1.
        comparisons: number of independent comparisons per probe when the rate was measured.
        comparisons_now: their number now.

    Returns:
        float, 0..1: an upper bound if the gallery has grown, a lower bound if it has shrunk; see the module.

    Raises:
        ValueError: the rate or a number is out of range.
    """
    if not (0 <= rate <= 1 and comparisons >= 1 and comparisons_now >= 0):
        raise ValueError(
            f"rate and comparisons: expected 0 to 1, 1 or more, and 0 or more, got {rate}, {comparisons} and "
            f"{comparisons_now}"
        )
    if rate == 1:
        return 1.0 if comparisons_now else 0.0
    return -math.expm1(math.log1p(-rate) * comparisons_now / comparisons)


def store_calibrations(
    gallery: Gallery,
    scores: Mapping[str, ArrayLike],
    strangers: int | Mapping[str, int],
    fpir: float,
    origin: str = REDUCED,
) -> list[Calibration]:
    """Store strangers' best scores, in place of earlier calibrations of the same kinds.

    Args:
        gallery: the gallery that the probes were compared with, as it is now.
        scores: for each kind of view (probes,) real, finite: the best score of each probe.
        strangers: number of people whose probes these are, or that number for each kind.
        fpir: the rate to state.
        origin: "reduced" or "native": see `Calibration`.

    Returns:
        The calibrations, in the order of `scores`.

    Raises:
        ValueError: the gallery is empty or has no such view, or there are too few probes for the rate; nothing is
            stored then.
    """
    with gallery.database.writing() as connection:
        people, faces = count_people_and_faces(connection)
        views = read_card(connection, gallery.name).views
        found = []
        for kind, values in scores.items():
            if not faces or kind not in views:
                raise ValueError(f"{gallery.name}: expected faces and the view {kind}, got {faces} faces")
            best = np.sort(np.asarray(values, np.float64))[::-1]
            if not best.size or not np.isfinite(best).all():
                raise ValueError(f"scores: expected at least one finite number, got {best.size} numbers")
            number = strangers if isinstance(strangers, int) else strangers[kind]
            calibration = Calibration(kind, fpir, best, number, people, faces, now(), origin)
            calibration.at()
            _write(connection, calibration)
            found.append(calibration)
    return found


def _write(connection: Connection, calibration: Calibration) -> None:
    connection.execute(delete(CALIBRATIONS).where(CALIBRATIONS.c.kind == calibration.kind))
    row = {
        "kind": calibration.kind,
        "created": calibration.created,
        "fpir": calibration.fpir,
        "scores": calibration.scores.astype("<f8").tobytes(),
        "strangers": calibration.strangers,
        "people": calibration.people,
        "faces": calibration.faces,
        "origin": calibration.origin,
    }
    connection.execute(insert(CALIBRATIONS).values(**row))
    write_log(connection, f"calibrated {calibration.kind}", None, None)


def read_calibrations(gallery: Gallery) -> dict[str, Calibration]:
    """Read the calibrations of a gallery by kind.

    Raises:
        ValueError: one of them is damaged.
    """
    with gallery.database.reading() as connection:
        views = read_card(connection, gallery.name).views
        rows = connection.execute(select(CALIBRATIONS)).mappings().all()
    return {
        row["kind"]: Calibration(
            row["kind"],
            row["fpir"],
            checked_scores(gallery.name, row, views),
            row["strangers"],
            row["people"],
            row["faces"],
            row["created"],
            row["origin"],
        )
        for row in rows
    }


def growth_note(
    calibration: Calibration, threshold: Threshold, person_score: str, people: int, faces: int
) -> str | None:
    """Say what rate to expect if the gallery's size has changed since it was calibrated.

    Args:
        calibration: the calibration.
        threshold: the threshold in force.
        person_score: "best": every face is a comparison; "mean": every person is.
        people: number of people now.
        faces: number of faces now.

    Returns:
        One line, or None if the size is the same.
    """
    if (people, faces) == (calibration.people, calibration.faces):
        return None
    then, today = (calibration.faces, faces) if person_score == "best" else (calibration.people, people)
    rate = expected_rate(threshold.achieved, then, today)
    high = expected_rate(threshold.interval[1], then, today)
    bound = "at most" if today >= then else "at least"
    return (
        f"{calibration.kind}: calibrated with {calibration.people} people and {calibration.faces} faces, now "
        f"{people} and {faces}: expect a false-positive rate of {bound} about {100 * rate:.2g} % (up to "
        f"{100 * high:.2g} %) instead of {100 * threshold.achieved:.2g} % "
        f"({100 * threshold.fpir:.2g} % was asked for); calibrate again"
    )
