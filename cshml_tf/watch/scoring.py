"""Score what was seen in a clip against the list of who is where: faces found, people named, strangers named."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cshml_tf.data.clip_truth import KnownFace
from cshml_tf.gallery.decision import Answer
from cshml_tf.watch.sources import Frame
from cshml_tf.watch.watching import EndedTrack, SeenFrame

# Widths of faces, in pixels, at which one row of the table ends and the next begins.
WIDTHS = (8, 12, 16, 24, 32, 48)
# Intersection over union from which a box is taken for a face of the list.
_SAME_FACE = 0.3

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class TrackedFace:
    """A face that was found in a frame.

    Attributes:
        frame: number of the frame, from 0.
        track: number of its track.
        box: left, top, width and height, pixels of the frame.
    """

    frame: int
    track: int
    box: Box


@dataclass
class WidthScore:
    """Counts of the faces of one range of widths.

    Attributes:
        faces: faces of the list, in the frames that were looked at.
        found: of these, those that were found.
        known: tracks of people who are enrolled, by the largest width of the person's face in the track.
        named: of these, those with the right name.
        misnamed: of these, those with another name.
        strangers: tracks of people who are not enrolled.
        alarms: of these, those that were given a name.
    """

    faces: int = 0
    found: int = 0
    known: int = 0
    named: int = 0
    misnamed: int = 0
    strangers: int = 0
    alarms: int = 0


@dataclass
class ClipScore:
    """How well a clip was watched.

    Attributes:
        widths: counts by the lower end of each range of widths, 0 for the narrowest faces.
        known: people of the list who are enrolled.
        named: of these, those whom a track of theirs named rightly.
        misnamed: people, enrolled or not, whom a track of theirs gave another person's name.
        strangers: people of the list who are not enrolled.
        nobody: tracks of something that the list does not have.
        nobody_named: of these, those that were given a name.
    """

    widths: dict[int, WidthScore] = field(default_factory=lambda: {low: WidthScore() for low in (0, *WIDTHS)})
    known: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)
    misnamed: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    nobody: int = 0
    nobody_named: int = 0

    def at(self, width: float) -> WidthScore:
        """Return the counts for a width in pixels."""
        return self.widths[max(low for low in (0, *WIDTHS) if low <= width)]


class ClipScorer:
    """Collects what a watcher sees in a clip, and scores it.

    Args:
        truth: the list of who is where.
        enrolled: names of the people in the gallery.
    """

    def __init__(self, truth: Sequence[KnownFace], enrolled: Collection[str]) -> None:
        self._truth = truth
        self._enrolled = enrolled
        self._frames: list[int] = []
        self._found: list[TrackedFace] = []
        self._answers: dict[int, Answer] = {}

    def add(self, event: Frame | SeenFrame | EndedTrack) -> None:
        """Note what the watcher yields."""
        if isinstance(event, EndedTrack):
            self._answers[event.number] = event.answer
        elif isinstance(event, SeenFrame):
            number = event.frame.number
            self._frames.append(number)
            self._found += [TrackedFace(number, seen.track, seen.face.box) for seen in event.faces]

    def score(self) -> ClipScore:
        """Score what has been seen, when all tracks have ended."""
        return score_clip(self._truth, self._frames, self._found, self._answers, self._enrolled)


def score_clip(
    truth: Iterable[KnownFace],
    frames: Collection[int],
    found: Iterable[TrackedFace],
    answers: Mapping[int, Answer],
    enrolled: Collection[str],
) -> ClipScore:
    """Compare what was seen with the list.

    A found face belongs to the face of the list that its box overlaps most, and a track to the person to whom most
    of its faces belong.

    Args:
        truth: the list.
        frames: numbers of the frames that were looked at; the list's other frames do not count.
        found: the faces that were found.
        answers: what was said of each track.
        enrolled: names of the people in the gallery.

    Returns:
        `ClipScore`.
    """
    looked_at = set(frames)
    listed: dict[int, list[KnownFace]] = defaultdict(list)
    score = ClipScore()
    for face in truth:
        if face.frame in looked_at:
            listed[face.frame].append(face)
            (score.known if face.name in enrolled else score.strangers).add(face.name)
            score.at(face.box[2]).faces += 1
    owners: dict[int, list[KnownFace | None]] = {track: [] for track in answers}
    seen = set()
    for face in found:
        owner = _owner(face.box, listed[face.frame])
        owners.setdefault(face.track, []).append(owner)
        if owner and owner not in seen:
            seen.add(owner)
            score.at(owner.box[2]).found += 1
    for track, answer in answers.items():
        _count(score, answer, owners[track], enrolled)
    return score


def _owner(box: Box, faces: Sequence[KnownFace]) -> KnownFace | None:
    overlap, _, owner = max(
        ((_overlap(box, face.box), -row, face) for row, face in enumerate(faces)), default=(0, 0, None)
    )
    return owner if overlap >= _SAME_FACE else None


def _overlap(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def _count(
    score: ClipScore, answer: Answer, owners: Sequence[KnownFace | None], enrolled: Collection[str]
) -> None:
    name = answer.name
    votes = Counter(owner.name if owner else None for owner in owners)
    person = votes.most_common(1)[0][0] if votes else None
    if person is None:
        score.nobody += 1
        score.nobody_named += name is not None
        return
    counts = score.at(max(owner.box[2] for owner in owners if owner and owner.name == person))
    if name is not None and name != person:
        score.misnamed.add(person)
    if person in enrolled:
        counts.known += 1
        counts.named += name == person
        counts.misnamed += name not in (None, person)
        if name == person:
            score.named.add(person)
    else:
        counts.strangers += 1
        counts.alarms += name is not None


def score_lines(score: ClipScore) -> list[str]:
    """Return a table of a score, and one line for each finding about people."""
    lines = [
        "width in pixels    faces    found   known people's tracks: named  misnamed   strangers' tracks: named"
    ]
    bounds = (0, *WIDTHS)
    for low, high in zip(bounds, (*bounds[1:], None), strict=True):
        row = score.widths[low]
        if row.faces or row.known or row.strangers:
            width = f"{low} or more" if high is None else f"below {high}" if low == 0 else f"{low} to {high}"
            lines.append(
                f"{width:<15} {row.faces:>8} {row.found:>8} {row.known:>22} {row.named:>7} {row.misnamed:>9} "
                f"{row.strangers:>18} {row.alarms:>7}"
            )
    missing = _names(score.known - score.named, "not named")
    lines.append(f"people enrolled: {len(score.known)}, named: {len(score.named)}{missing}")
    alarmed = score.misnamed & score.strangers
    lines.append(f"strangers: {len(score.strangers)}, given a name: {len(alarmed)}{_names(alarmed, 'namely')}")
    lines.append(f"people enrolled who were given another name: {len(score.misnamed & score.known)}")
    lines.append(f"tracks of nobody in the list: {score.nobody}, given a name: {score.nobody_named}")
    return lines


def _names(names: Collection[str], words: str) -> str:
    return f" ({words}: {', '.join(sorted(names))})" if names else ""
