"""The models of the problems in plain Keras, as the rivals build them. Copied beside a sweep file it serves as builder too."""

import keras

LOSSES = {"binary": "binary_crossentropy", "multiclass": "sparse_categorical_crossentropy", "regression": "mean_squared_error"}
LAST = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}


def _compiled(model, task, optimizer, learning_rate):
    if learning_rate is not None:
        optimizer = keras.optimizers.get({"class_name": optimizer, "config": {"learning_rate": learning_rate}})
    metrics = ["mae" if task == "regression" else "accuracy"]
    model.compile(optimizer=optimizer, loss=LOSSES[task], metrics=metrics)
    return model


def mlp(
    *,
    input_shape,
    output_units,
    task,
    hidden_layers=2,
    layer_size=32,
    layer_sizes=None,
    dropout=0.0,
    kernel_initializer="glorot_uniform",
    optimizer="adam",
    learning_rate=None,
):
    """Kerasweep's recipe ``mlp``, as far as the problems need it."""
    layers = [keras.layers.Input(input_shape)]
    for size in layer_sizes or [layer_size] * hidden_layers:
        layers.append(keras.layers.Dense(size, activation="relu", kernel_initializer=kernel_initializer))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    layers.append(keras.layers.Dense(output_units, activation=LAST[task], kernel_initializer=kernel_initializer))
    return _compiled(keras.Sequential(layers), task, optimizer, learning_rate)


def text_cnn(*, input_shape, output_units, task, max_words, length, embedding_size, dropout, learning_rate):
    """Kerasweep's recipe ``text_cnn``: 64 filters of widths 3, 4 and 5, and a dense layer of 64."""
    tokens = keras.Input(input_shape, dtype="int32")
    words = keras.layers.Embedding(max_words, embedding_size)(tokens)
    found = [
        keras.layers.GlobalMaxPooling1D()(keras.layers.Conv1D(64, width, padding="same", activation="relu")(words))
        for width in (3, 4, 5)
    ]
    x = keras.layers.Dropout(dropout)(keras.layers.Concatenate()(found))
    x = keras.layers.Dropout(dropout)(keras.layers.Dense(64, activation="relu")(x))
    model = keras.Model(tokens, keras.layers.Dense(output_units, activation=LAST[task])(x))
    return _compiled(model, task, "adam", learning_rate)


def image_cnn(*, input_shape, output_units, filters, dropout, learning_rate, task="multiclass"):
    """Two convolutions, a maximum, a dense layer. Kerasweep calls this very function."""
    model = keras.Sequential(
        [
            keras.layers.Input(input_shape),
            keras.layers.Conv2D(filters, 3, padding="same", activation="relu"),
            keras.layers.Conv2D(2 * filters, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(output_units, activation=LAST[task]),
        ]
    )
    return _compiled(model, task, "adam", learning_rate)
