"""The cells of an ablation: network x resolutions x losses x tap x seed, and the training settings of each."""

import dataclasses
import itertools
import re
from pathlib import Path

from cshml_tf.degradation.resolution import format_resolution, parse_resolution, resolution_sides
from cshml_tf.training.settings import LrSettings

# The setting that each equation of the paper is weighted by.
_WEIGHTS = {
    2: "classifier_weight",
    3: "contrastive_weight",
    4: "multi_hierarchy_weight",
    5: "multi_hierarchy_weight",
}
# Equation 4 is equation 5 without its pool.
_WITHOUT_POOL = 1


@dataclasses.dataclass(frozen=True)
class Cell:
    """One LR network to train.

    Attributes:
        network: model folder of the HR network.
        resolutions: tuple of r or (h, w) that the LR network serves.
        losses: the equations it is trained under, such as "2+3+5".
        seed: of every random decision.
        tap: the feature map of equations 4 and 5; None is the network's own default, and that of losses without
            them.
    """

    network: str
    resolutions: tuple
    losses: str
    seed: int
    tap: str | None = None

    @property
    def network_name(self):
        """Give the name of the HR network's folder."""
        return Path(self.network).resolve().name

    @property
    def name(self):
        """Give the name of its run: "hr_12_eq2+3+5_seed666", or "hr_12_eq2+5_block_a_seed666" with a tap."""
        resolutions = "+".join(map(format_resolution, self.resolutions))
        # A layer of an imported network may be called by a path.
        tap = "" if self.tap is None else "_" + re.sub(r"[^\w.-]", "_", self.tap)
        return f"{self.network_name}_{resolutions}_eq{self.losses}{tap}_seed{self.seed}"

    def as_json(self):
        """Say in JSON's types which cell it is."""
        resolutions = [format_resolution(resolution) for resolution in self.resolutions]
        own = {"losses": self.losses, "tap": self.tap, "seed": self.seed, "name": self.name}
        return {"network": self.network_name, "resolutions": resolutions} | own

    def settings(self, **options):
        """Make the settings of its run.

        Args:
            **options: of `LrSettings`, but for what the cell itself says; the weights of equations that the
                cell leaves out are set to 0.

        Returns:
            LrSettings.

        Raises:
            ValueError: an option is none, or an equation of the cell has the weight 0.
        """
        equations = [int(number) for number in self.losses.split("+")]
        used = {_WEIGHTS[number] for number in equations}
        weights = {name: 0.0 for name in set(_WEIGHTS.values()) - used}
        for number in equations:
            if options.get(_WEIGHTS[number]) == 0:
                raise ValueError(f"{_WEIGHTS[number]}: expected a weight above 0 for equation {number}, got 0")
        if 5 in equations and options.get("pool_size") == _WITHOUT_POOL:
            raise ValueError("pool_size: expected a pool for equation 5, got 1, which is equation 4")
        pool = {"pool_size": _WITHOUT_POOL} if 4 in equations else {}
        own = {
            "pretrained_model": self.network,
            "resolution": self.resolutions,
            "seed": self.seed,
            "tap": self.tap,
            "run_name": self.name,
        }
        return LrSettings(**options | weights | pool | own)


def parse_losses(text):
    """Read a choice of equations, such as "2+3+5".

    Returns:
        str, the equations in rising order.

    Raises:
        ValueError: one that is not 2 to 5, one twice, or equations 4 and 5 together.
    """
    words = str(text).split("+")
    numbers = sorted(int(word) for word in words if word.isdecimal() and int(word) in _WEIGHTS)
    if len(set(numbers)) != len(words) or {4, 5} <= set(numbers):
        raise ValueError(
            f"losses: expected some of the equations 2, 3 and 4 or 5, such as 2+3+5, got {str(text)!r}"
        )
    return "+".join(map(str, numbers))


def parse_resolutions(text):
    """Read the resolutions of one network: "12", or "8+12+16+20" for a network of all four.

    Returns:
        tuple of r or (h, w), the smallest first.

    Raises:
        ValueError: one that is no resolution, or one twice.
    """
    resolutions = tuple(sorted((parse_resolution(word) for word in str(text).split("+")), key=resolution_sides))
    if len(set(resolutions)) != len(resolutions):
        raise ValueError(f"resolutions: expected each once, got {text!r}")
    return resolutions


def make_grid(networks, resolutions, losses, seeds, taps=(None,)):
    """List all combinations: the first seed's cells first, so that a stopped ablation has whole tables.

    Args:
        networks: model folders of HR networks.
        resolutions: tuples, as `parse_resolutions` gives.
        losses: as `parse_losses` gives.
        seeds: whole numbers.
        taps: names of feature maps, or None for the network's default; losses without equations 4 and 5 have no
            use for one, and come once.

    Returns:
        list of `Cell`.

    Raises:
        ValueError: two cells of one name: something given twice, or two model folders named alike.
    """
    cells = [
        Cell(str(network), sides, loss, seed, tap)
        for seed, network, sides, loss in itertools.product(seeds, networks, resolutions, losses)
        for tap in (taps if {"4", "5"} & set(loss) else (None,))
    ]
    seen = {}
    for cell in cells:
        if cell.name in seen:
            raise ValueError(
                f"ablation: expected each combination once, and networks in folders of different names; "
                f"{cell.name} comes twice, from {seen[cell.name]} and {cell.network}"
            )
        seen[cell.name] = cell.network
    return cells
