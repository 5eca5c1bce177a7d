"""A model as any Keras tutorial writes it; examples/own_model.yaml searches its arguments."""

from tensorflow.keras import Input
from tensorflow.keras.layers import Dense, Dropout
from tensorflow.keras.models import Sequential


def create_model(input_shape, output_units, optimizer="rmsprop", init="glorot_uniform", width=16, dropout=0.0):
    model = Sequential()
    model.add(Input(input_shape))
    model.add(Dense(width, kernel_initializer=init, activation="relu"))
    model.add(Dropout(dropout))
    model.add(Dense(output_units, kernel_initializer=init, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model
