"""The cells of an ablation: network x resolutions x losses x tap x seed, and the training settings of each."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cshml_tf.degradation.resolution import expand_range, format_resolution, resolution_sides
from cshml_tf.settings.ablation import AblationSettings
from cshml_tf.settings.groups import read_resolution
from cshml_tf.settings.losses import further_weight_names, weight_names
from cshml_tf.settings.option import OptionError, require
from cshml_tf.settings.training import LrSettings

# The setting that weights each of the paper's equations, and each further term.
_WEIGHTS = {str(number): name for number, name in weight_names().items()}
_FURTHER = further_weight_names()
# Equation 4 is equation 5 without its pool.
_WITHOUT_POOL = 1


@dataclasses.dataclass(frozen=True)
class Cell:
    """One LR network to train.

    Attributes:
        network: model folder of the HR network.
        resolutions: tuple of r or (h, w) that the LR network serves.
        losses: the equations it is trained with, such as "2+3+5", and further terms by name: "2+3+5+bank".
        seed: seed of every random decision.
        tap: the feature map of equations 4 and 5; None for the network's default, and for losses without these
            equations.
    """

    network: str
    resolutions: tuple[int | tuple[int, int], ...]
    losses: str
    seed: int
    tap: str | None = None

    @property
    def network_name(self) -> str:
        """The name of the HR network's folder."""
        return Path(self.network).resolve().name

    @property
    def name(self) -> str:
        """The name of its run: "hr_12_eq2+3+5_seed666", or "hr_12_eq2+5_block_a_seed666" with a tap."""
        resolutions = "+".join(map(format_resolution, self.resolutions))
        # A layer of an imported network may be named by a path.
        tap = "" if self.tap is None else "_" + re.sub(r"[^\w.-]", "_", self.tap)
        return f"{self.network_name}_{resolutions}_eq{self.losses}{tap}_seed{self.seed}"

    def as_json(self) -> dict[str, Any]:
        """Return what identifies the cell, in JSON's types."""
        resolutions = [format_resolution(resolution) for resolution in self.resolutions]
        own = {"losses": self.losses, "tap": self.tap, "seed": self.seed, "name": self.name}
        return {"network": self.network_name, "resolutions": resolutions} | own

    def settings(self, **options: Any) -> LrSettings:
        """Make the settings of its run.

        Args:
            **options: fields of `LrSettings`, except those that the cell decides; the weights of equations that
                the cell leaves out are set to 0.

        Returns:
            LrSettings.

        Raises:
            ValueError: an option that `LrSettings` refuses, or a weight of 0 for an equation of the cell.
        """
        terms = self.losses.split("+")
        names = _WEIGHTS | _FURTHER
        weights = {name: 0.0 for name in set(names.values()) - {names[term] for term in terms}}
        for term in terms:
            kind = "term" if term in _FURTHER else "equation"
            # The weights of further terms are 0 unless they are given.
            given = options.get(names[term], 0 if term in _FURTHER else None)
            require(given != 0, f"{{{names[term]}}}: expected a weight above 0 for {kind} %s, got 0", term)
        require(
            "5" not in terms or options.get("pool_size") != _WITHOUT_POOL,
            "{pool_size}: expected a pool for equation 5, got 1, which is equation 4",
        )
        pool = {"pool_size": _WITHOUT_POOL} if "4" in terms else {}
        own = {
            "pretrained_model": self.network,
            "resolution": self.resolutions,
            "seed": self.seed,
            "tap": self.tap,
            "run_name": self.name,
        }
        values: dict[str, Any] = options | weights | pool | own
        return LrSettings(**values)


def parse_losses(text: str) -> str:
    """Read a choice of equations and further terms, such as "2+3+5" or "2+3+5+bank".

    Returns:
        str, the equations in rising order, then the further terms in the order of their options.

    Raises:
        OptionError: an equation that is not one of 2 to 5, an unknown term, one given twice, or equations 4 and 5
            together.
    """
    words = str(text).split("+")
    known = _WEIGHTS | _FURTHER
    terms = [term for term in known if term in words]
    # The equations of one weight exclude each other.
    is_choice = len({known[term] for term in terms}) == len(words)
    expected = "{losses}: expected some of the equations 2, 3 and 4 or 5, such as 2+3+5, or also %s, got %s"
    require(is_choice, expected, ", ".join(_FURTHER), repr(str(text)))
    return "+".join(sorted(set(terms) & set(_WEIGHTS)) + [term for term in terms if term in _FURTHER])


def parse_resolutions(text: str) -> tuple[int | tuple[int, int], ...]:
    """Read the resolutions of one network: "12", "8+12+16+20" for a network of all four, or a range, "6-28".

    Returns:
        tuple of r or (h, w), the smallest first.

    Raises:
        OptionError: a word that is not a resolution, or a resolution given twice.
    """
    try:
        words = [word for part in str(text).split("+") for word in expand_range(part)]
        resolutions = tuple(sorted(map(read_resolution, words), key=resolution_sides))
    except ValueError as error:
        raise OptionError("{resolutions}: %s", error) from None
    require(len(set(resolutions)) == len(resolutions), "{resolutions}: expected each once, got %s", repr(text))
    return resolutions


def cells_of(settings: AblationSettings) -> list[Cell]:
    """List the cells that the options of the ablation ask for.

    Raises:
        ValueError: as `make_grid`, `parse_losses` and `parse_resolutions`.
    """
    return make_grid(
        settings.networks,
        [parse_resolutions(text) for text in settings.resolutions],
        [parse_losses(text) for text in settings.losses],
        settings.seeds,
        settings.taps or (None,),
    )


def make_grid(
    networks: Iterable[str | Path],
    resolutions: Iterable[tuple[int | tuple[int, int], ...]],
    losses: Iterable[str],
    seeds: Iterable[int],
    taps: Sequence[str | None] = (None,),
) -> list[Cell]:
    """List all combinations, those of the first seed first: a stopped ablation then has a complete table sooner.

    Args:
        networks: model folders of HR networks.
        resolutions: tuples, as `parse_resolutions` returns.
        losses: as `parse_losses` returns.
        seeds: whole numbers.
        taps: names of feature maps, or None for the network's default; losses without equations 4 and 5 ignore the
            tap, and are listed once.

    Returns:
        list of `Cell`.

    Raises:
        ValueError: two cells have the same name: a value was given twice, or two model folders have the same name.
    """
    cells = [
        Cell(str(network), sides, loss, seed, tap)
        for seed, network, sides, loss in itertools.product(seeds, networks, resolutions, losses)
        for tap in (taps if {"4", "5"} & set(loss) else (None,))
    ]
    seen: dict[str, str] = {}
    for cell in cells:
        if cell.name in seen:
            raise ValueError(
                f"ablation: expected each combination once, and networks in folders of different names; "
                f"got {cell.name} twice, from {seen[cell.name]} and {cell.network}"
            )
        seen[cell.name] = cell.network
    return cells
