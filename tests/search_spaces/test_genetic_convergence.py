"""The genetic search against random search on known functions, at equal evaluations."""

import math
from statistics import median

import pytest

from search_spaces import SearchSpace, Strategy, make_strategy, parse_space

SEEDS = 20
OPTIMUM = (1.3, -2.1, 0.4, 3.0, -0.7)
CUBE = parse_space({f"x{index}": {"uniform": [-5.12, 5.12]} for index in range(5)})
MODEL = parse_space({
    "learning_rate": {"reciprocal": [1e-5, 1e-1]},
    "units": {"integer": [1, 99]},
    "layers": {"integer": [1, 4]},
    "dropout": {"uniform": [0.0, 0.5], "step": 0.05},
    "activation": ["relu", "tanh", "selu", "elu", "sigmoid"],
    "optimizer": ["sgd", "adam", "rmsprop", "nadam"],
    "batch_size": [8, 16, 32, 64],
})  # fmt: skip
ACTIVATION = {"relu": 0.0, "tanh": 0.08, "selu": 0.03, "elu": 0.05, "sigmoid": 0.3}
BEST_RATE = {"sgd": -1.3, "adam": -2.8, "rmsprop": -3.0, "nadam": -2.6}


def distances(config: dict) -> list[float]:
    return [config[f"x{index}"] - best for index, best in enumerate(OPTIMUM)]


def sphere(config: dict) -> float:
    return sum(distance**2 for distance in distances(config))


def rastrigin(config: dict) -> float:
    return sum(10 + distance**2 - 10 * math.cos(2 * math.pi * distance) for distance in distances(config))


def model_loss(config: dict) -> float:
    """A loss with the habits of a network's: the best rate depends on optimizer and batch size."""
    best_rate = BEST_RATE[config["optimizer"]] + 0.15 * math.log2(config["batch_size"] / 16)
    return (
        0.15 * (math.log10(config["learning_rate"]) - best_rate) ** 2
        + ACTIVATION[config["activation"]] * (1.0 if config["layers"] > 1 else 0.5)
        + ((config["units"] - 70) / 99) ** 2
        + 0.04 * (config["layers"] - 2) ** 2
        + 2 * (config["dropout"] - 0.15) ** 2
        + 0.01 * abs(math.log2(config["batch_size"] / 32))
    )


def best_loss(strategy: Strategy, loss) -> tuple[float, int]:
    losses = []
    while configs := strategy.ask(1000):
        for config in configs:
            losses.append(loss(config))
            strategy.tell(config, -losses[-1])
    return min(losses), len(losses)


def compare(genetic: dict, space: SearchSpace, loss) -> tuple[list[float], list[float], int]:
    """The best losses of both, seed by seed, and the evaluations that each of the two had."""
    bred, drawn = [], []
    evaluations = 0
    for seed in range(SEEDS):
        best, evaluations = best_loss(make_strategy({"type": "genetic", **genetic}, space, seed), loss)
        bred.append(best)
        best, equal = best_loss(make_strategy({"type": "random", "trials": evaluations}, space, seed), loss)
        drawn.append(best)
        assert equal == evaluations
    return bred, drawn, evaluations


@pytest.mark.parametrize("genetic", [{}, {"selection": "tournament"}], ids=["roulette", "tournament"])
@pytest.mark.parametrize(("space", "loss"), [(CUBE, sphere), (CUBE, rastrigin), (MODEL, model_loss)])
def test_genetic_search_beats_random_search_at_equal_evaluations(genetic, space, loss, show):
    bred, drawn, evaluations = compare(genetic, space, loss)
    wins = sum(one < other for one, other in zip(bred, drawn, strict=True))
    name = f"{loss.__name__}, {genetic.get('selection', 'roulette')}"
    medians = f"genetic {median(bred):.4f}, random {median(drawn):.4f}"
    show(f"{name}: median loss after {evaluations} evaluations: {medians}; better in {wins} of {SEEDS} seeds")
    assert median(bred) < 0.6 * median(drawn)
    assert wins >= 0.8 * SEEDS
