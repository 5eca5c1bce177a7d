"""Whether the rows of a batch are independent of each other in a model, so that rows of weight 0 can stand in for missing ones.

By allow-lists of Keras' own classes: whatever is not known to be safe is trained on batches of their true size.
"""

from __future__ import annotations

import keras

from trainers.engines.fused.graph.dials import is_stock

_LAYERS = frozenset(
    """
    InputLayer Dense Activation ReLU LeakyReLU PReLU ELU Softmax Identity Dropout SpatialDropout1D SpatialDropout2D
    SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise Embedding Conv1D Conv2D Conv3D Conv1DTranspose
    Conv2DTranspose Conv3DTranspose DepthwiseConv1D DepthwiseConv2D SeparableConv1D SeparableConv2D MaxPooling1D
    MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D Flatten Reshape Permute
    RepeatVector Concatenate Add Subtract Multiply Average Maximum Minimum LayerNormalization UnitNormalization LSTM GRU
    SimpleRNN LSTMCell GRUCell SimpleRNNCell Bidirectional ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D
    Cropping2D UpSampling1D UpSampling2D Rescaling Normalization
    """.split()
)
_MIXING_IN_TRAINING = frozenset({"BatchNormalization"})
_LOSSES = frozenset(
    """
    BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy
    SparseCategoricalCrossentropy MeanSquaredError MeanAbsoluteError MeanAbsolutePercentageError
    MeanSquaredLogarithmicError Huber LogCosh Poisson KLDivergence Hinge SquaredHinge CategoricalHinge CosineSimilarity
    """.split()
)
_LOSS_FUNCTIONS = frozenset(
    """
    binary_crossentropy binary_focal_crossentropy categorical_crossentropy categorical_focal_crossentropy
    sparse_categorical_crossentropy mean_squared_error mean_absolute_error mean_absolute_percentage_error
    mean_squared_logarithmic_error huber log_cosh poisson kl_divergence hinge squared_hinge categorical_hinge
    cosine_similarity
    """.split()
)
_MEANS = ("sum_over_batch_size", "mean")


def rows_are_independent(model: keras.Model, *, training: bool) -> bool:
    """Return whether a row's part in loss, gradient and metrics is the same whichever rows share its batch.

    The model must have been built with its loss and metrics. Batch normalization mixes rows in training only.
    """
    layers = [layer for layer in model._flatten_layers(include_self=False) if type(layer).__name__ != "Functional"]
    allowed = _LAYERS if training else _LAYERS | _MIXING_IN_TRAINING
    return (
        type(model).__module__.startswith("keras.src.models")
        and all(isinstance(operation, keras.Layer) for operation in getattr(model, "operations", ()))
        and all(is_stock(layer) and type(layer).__name__ in allowed and _plain(layer) for layer in layers)
        and all(len(output.shape) == 2 for output in model.outputs)
        and _mean_losses(model)
        and _stock_metrics(model)
    )


def _plain(layer: keras.Layer) -> bool:
    masking = bool(getattr(layer, "mask_zero", False))
    return not (masking or getattr(layer, "stateful", False) or getattr(layer, "activity_regularizer", None) is not None)


def _mean_losses(model: keras.Model) -> bool:
    if model._compile_loss is None:
        return False
    for entry in model._compile_loss._flat_losses:
        loss = entry.loss
        function = getattr(loss, "fn", None)
        known = type(loss).__name__ in _LOSSES or getattr(function, "__name__", "") in _LOSS_FUNCTIONS
        own = function is None or getattr(function, "__module__", "").startswith("keras.src.losses")
        if not (is_stock(loss) and known and own and loss.reduction in _MEANS):
            return False
    return True


def _stock_metrics(model: keras.Model) -> bool:
    compiled = model._compile_metrics
    metrics = [] if compiled is None else compiled.metrics
    return all(
        is_stock(metric) and getattr(metric, "_fn", keras).__module__.startswith("keras.src")
        if hasattr(metric, "_fn")
        else is_stock(metric)
        for metric in metrics
    )
