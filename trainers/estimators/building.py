"""From a builder and its parameters to a compiled net, on whatever backend this process has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainers.estimators import older_names
from trainers.estimators.instances import dump, load, renewed, with_settings
from trainers.estimators.outputs import declared_outputs
from trainers.estimators.randomness import fresh_names, seeded
from trainers.estimators.routing import Builder, Routed, name_of
from trainers.recipes import cheap_initializers

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """What a net is made of: the same recipe makes the same net, initial weights included, as often as it is asked.

    Parameters
    ----------
    builder, routed : the user's function, and the parameters of the fit.
    facts : what follows from the data, by the names in ``routing.FROM_DATA``.
    seed : of the initial weights.
    row : one row of inputs, which builds a net that has no Input.
    """

    builder: Builder
    routed: Routed
    facts: Mapping[str, Any]
    seed: int
    row: Any

    def build(self) -> keras.Model:
        """Return the compiled net, built.

        Raises
        ------
        TypeError, ValueError
            The builder returns no compiled model, or ``optimizer__x`` names nothing of the optimizer's.
        Exception
            Whatever the builder raises.
        """
        with seeded(self.seed), fresh_names(), cheap_initializers():
            try:
                model = self.builder(**self._arguments())
            except (TypeError, ValueError) as error:
                if (note := older_names.hint(error)) is not None:
                    error.add_note(note)
                raise
            _check(model, name_of(self.builder))
            if declared_outputs(model) is None:  # a subclass, or a Sequential without Input
                model(self.row, training=False)
        return model

    def _arguments(self) -> dict[str, Any]:
        """Return the builder's arguments, with everything of Keras' made anew."""
        arguments = renewed({**self.routed.builder, **{name: self.facts[name] for name in self.routed.from_data}})
        if self.routed.optimizer:
            arguments["optimizer"] = with_settings(arguments["optimizer"], self.routed.optimizer)
        return dict(arguments)


def as_it_was(recipe: Recipe) -> Callable[[], keras.Model]:
    """Return what builds a recipe's net whenever it is asked, whatever has become of what the builder reads since."""
    content = dump(recipe)

    def build() -> keras.Model:
        try:
            same = dump(recipe) == content
        except Exception:  # it reads what cannot be carried by now
            same = False
        return (recipe if same else load(content, classes="copied")).build()

    return build


def _check(model: Any, builder: str) -> None:
    import keras

    if not isinstance(model, keras.Model):
        raise TypeError(
            f"the builder {builder}: expected it to return a compiled keras.Model, got {type(model).__name__}; "
            "does the function end in `return model`?"
        )
    if not model.compiled:
        raise ValueError(
            f"the builder {builder}: expected a compiled model, got one that is not; "
            "call model.compile(optimizer=..., loss=...) before returning it."
        )
