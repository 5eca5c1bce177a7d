"""The single door from a config to a compiled model, whatever the recipe."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from trainers.recipes.shapes import ModelShape
from trainers.seeds import seed_everything

if TYPE_CHECKING:
    import keras

    from trainers.settings import Config, SweepSettings


def build_model(settings: SweepSettings, config: Config, shape: ModelShape, seed: int) -> keras.Model:
    """Return the compiled model of one effective config; global random state is seeded too, so a fit that follows is fixed.

    Parameters
    ----------
    settings : the sweep's; its trainer names the recipe or the builder.
    config : the effective config (``trainers.settings.effective_config``).
    shape : of the data (``model_shape``).
    seed : as of ``derive_seed``.

    Raises
    ------
    UserCodeError
        The data doesn't suit the recipe, or the builder is at fault.
    """
    from trainers.recipes import builder, mlp, text_cnn, wide_deep

    seed_everything(seed)
    with cheap_initializers():
        if settings.trainer.type == "builder":
            return builder.build(settings.trainer.builder or "", settings.code, config, shape, seed)
        ours = {"mlp": mlp.build, "wide_deep": wide_deep.build, "text_cnn": text_cnn.build}
        return ours[settings.trainer.type](config, shape, seed)


def cheap_initializers() -> AbstractContextManager[None]:
    """Draw initial weights by NumPy's generators where drawing them by the backend means compiling: under JAX."""
    import keras

    if keras.backend.backend() != "jax":
        return nullcontext()
    from trainers.recipes.initial_weights import numpy_initializers

    return numpy_initializers()
