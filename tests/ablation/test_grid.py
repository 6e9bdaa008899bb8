"""The cells of an ablation and their settings."""

import pytest

from cshml_tf.ablation.grid import Cell, make_grid, parse_losses, parse_resolutions

OPTIONS = {"data_dir": "faces"}


def weights_of(losses, **options):
    settings = Cell("models/hr", (12,), losses, 3).settings(**OPTIONS | options)
    return settings.classifier_weight, settings.contrastive_weight, settings.multi_hierarchy_weight


@pytest.mark.parametrize(
    "losses, weights",
    [("2", (1, 0, 0)), ("3", (0, 1, 0)), ("2+3", (1, 1, 0)), ("2+5", (1, 0, 1)), ("2+3+5", (1, 1, 1))],
)
def test_equations_switch_the_terms_of_equation_6(losses, weights):
    assert weights_of(losses) == weights


def test_weights_given_are_those_of_the_terms_that_are_on():
    given = {"classifier_weight": 2.0, "contrastive_weight": 3.0, "multi_hierarchy_weight": 4.0}
    assert weights_of("2+5", **given) == (2.0, 0.0, 4.0)
    with pytest.raises(ValueError, match="contrastive_weight: expected a weight above 0 for equation 3"):
        weights_of("2+3", contrastive_weight=0.0)


def test_equation_4_is_equation_5_without_its_pool():
    assert Cell("models/hr", (12,), "2+4", 3).settings(**OPTIONS).pool_size == 1
    assert Cell("models/hr", (12,), "2+5", 3).settings(**OPTIONS).pool_size == 2
    with pytest.raises(ValueError, match="pool_size: expected a pool for equation 5, got 1"):
        Cell("models/hr", (12,), "2+5", 3).settings(**OPTIONS, pool_size=1)


def test_a_cell_names_its_run():
    cell = Cell("models/hr/", (8, (14, 12)), "2+3", 5)
    assert cell.name == "hr_8+14x12_eq2+3_seed5"
    settings = cell.settings(**OPTIONS)
    assert (settings.run_name, settings.seed, settings.resolution) == (cell.name, 5, (8, (14, 12)))
    assert settings.pretrained_model == "models/hr/"


def test_taps_multiply_the_losses_that_have_one():
    """Equation 2 by itself has no tap, so its network is trained only once."""
    cells = make_grid(["models/hr"], [(12,)], ["2", "2+5", "2+4"], [3], ["stem_pool", "block_c"])
    assert [cell.name for cell in cells] == [
        "hr_12_eq2_seed3",
        "hr_12_eq2+5_stem_pool_seed3",
        "hr_12_eq2+5_block_c_seed3",
        "hr_12_eq2+4_stem_pool_seed3",
        "hr_12_eq2+4_block_c_seed3",
    ]
    assert [cell.settings(**OPTIONS).tap for cell in cells[:3]] == [None, "stem_pool", "block_c"]
    assert Cell("hr", (12,), "2+5", 3, "body/conv:0").name == "hr_12_eq2+5_body_conv_0_seed3"


def test_losses_are_put_in_order():
    assert parse_losses("5+2+3") == "2+3+5"


@pytest.mark.parametrize("text", ["", "6", "2+2", "4+5", "2,3", "2+", "two"])
def test_other_texts_are_no_choice_of_equations(text):
    with pytest.raises(ValueError, match="losses: expected some of the equations"):
        parse_losses(text)


def test_resolutions_of_one_network():
    assert parse_resolutions("12") == (12,)
    assert parse_resolutions("14x12+8") == (8, (14, 12))
    with pytest.raises(ValueError, match="resolutions: expected each once, got '8\\+8x8'"):
        parse_resolutions("8+8x8")


def test_the_first_seed_comes_first():
    cells = make_grid(["a", "b"], [(8,), (12,)], ["2", "3"], [1, 2])
    assert len(cells) == 16
    assert [cell.seed for cell in cells] == [1] * 8 + [2] * 8
    assert {cell.network for cell in cells[:4]} == {"a"}


@pytest.mark.parametrize("networks, losses", [(["x/hr", "y/hr"], ["2"]), (["x/hr"], ["2", "2"])])
def test_two_cells_of_one_name_are_refused(networks, losses):
    with pytest.raises(ValueError, match="got hr_8_eq2_seed1 twice"):
        make_grid(networks, [(8,)], losses, [1])


def test_further_terms_follow_the_equations_by_name():
    assert parse_losses("bank+5+2+triplets") == "2+5+bank+triplets"
    cell = Cell("models/hr", (12,), "2+5+bank", 3)
    assert cell.name == "hr_12_eq2+5+bank_seed3"
    settings = cell.settings(**OPTIONS, bank_weight=2.0, triplets_weight=1.0)
    assert set(settings.weights) == {"classifier", "multi_hierarchy", "bank"} and settings.bank_weight == 2.0
    assert Cell("models/hr", (12,), "2+5", 3).settings(**OPTIONS, bank_weight=2.0).bank_weight == 0
    for options in ({}, {"bank_weight": 0.0}):
        with pytest.raises(ValueError, match="bank_weight: expected a weight above 0 for term bank, got 0"):
            cell.settings(**OPTIONS, **options)
    for text in ("2+bank+bank", "2+banks", "bank+"):
        with pytest.raises(
            ValueError, match="losses: expected some of the equations .* or also bank, low_contrast"
        ):
            parse_losses(text)


def test_a_range_of_resolutions_is_one_network():
    assert parse_resolutions("6-9+14x12") == (6, 7, 8, 9, (14, 12))
