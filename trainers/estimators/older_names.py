"""Names of Keras' older releases that Keras 3 refuses, and what to write instead. It translates nothing: it tells."""

from __future__ import annotations

import re

NEW_NAMES = {
    "lr": "learning_rate",
    "decay": "learning_rate=keras.optimizers.schedules.ExponentialDecay(...), or weight_decay",
    "nb_epoch": "epochs",
    "nb_filter": "filters",
    "nb_row": "kernel_size",
    "nb_col": "kernel_size",
    "filter_length": "kernel_size",
    "pool_length": "pool_size",
    "border_mode": "padding",
    "subsample": "strides",
    "subsample_length": "strides",
    "dim_ordering": "data_format",
    "init": "kernel_initializer",
    "inner_init": "recurrent_initializer",
    "inner_activation": "recurrent_activation",
    "W_regularizer": "kernel_regularizer",
    "U_regularizer": "recurrent_regularizer",
    "b_regularizer": "bias_regularizer",
    "W_constraint": "kernel_constraint",
    "b_constraint": "bias_constraint",
    "dropout_W": "dropout",
    "dropout_U": "recurrent_dropout",
    "bias": "use_bias",
    "p": "rate",
    "output_dim": "units",
    "batch_input_shape": "batch_shape",
    "kernel_l2_regularizer": "kernel_regularizer",
}


def hint(error: BaseException) -> str | None:
    """Return what to write instead of the first older name that an error of Keras' about its arguments names, or None."""
    text = str(error)
    if not re.search(r"not recognized|[Uu]nrecognized|unexpected keyword|expected a setting of", text):
        return None
    for name in re.findall(r"'(?:optimizer__)?(\w+?)'", text):
        if name in NEW_NAMES:
            return f"Keras 3 has no argument {name!r} here; write {NEW_NAMES[name]}."
    return None
