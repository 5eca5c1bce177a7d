"""A convolutional net for texts as the last step of a `Pipeline`: a grid over the net's and fit's parameters, 32 nets x 3 folds.

Replaces the lesson that puts tokenizer, padding and a `KerasClassifier` into a `Pipeline` and tunes it by `clf__dropout` and its
like. Keras 3 has no `Tokenizer`, so a small transformer counts words. The texts are made on the spot: what somebody thinks of a
film stands in one phrase among other words, and no single word of it says whether it is praise.

It takes 21 s on two cores, and 146 s with scikit-learn's own class and `n_jobs=2` (`python -m benchmarks.tutorials 3`).
"""

import numpy as np
from keras.layers import Concatenate, Conv1D, Dense, Dropout, Embedding, GlobalMaxPooling1D, Input
from keras.models import Model
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from kerasweep import GridSearchCV, KerasClassifier

rng = np.random.default_rng(7)
FILLERS = "the film a plot scene and of actor music with camera ending when it was story about city night train friend".split()
PRAISE = ["not bad at all", "never dull", "rather good and not slow", "far from boring", "less dull than good"]
BLAME = ["not good at all", "never good", "rather dull and not good", "far from good", "less good than dull"]
texts, labels = [], []
for label in rng.choice(["praise", "blame"], 900):
    words = list(rng.choice(FILLERS, rng.integers(6, 16)))
    words.insert(rng.integers(len(words)), rng.choice(PRAISE if label == "praise" else BLAME))
    texts.append(" ".join(words))
    labels.append(label if rng.random() > 0.03 else rng.choice(["praise", "blame"]))
X_train, X_test, y_train, y_test = train_test_split(np.array(texts), np.array(labels), test_size=300, random_state=7)


class WordNumbers(TransformerMixin, BaseEstimator):
    """Number words by how often they occur, from 2; 1 is an unknown word, 0 fills up to ``length``."""

    def __init__(self, length=20):
        self.length = length

    def fit(self, X, y=None):
        words, counts = np.unique(" ".join(X).split(), return_counts=True)
        self.numbers_ = {word: number for number, word in enumerate(words[np.argsort(-counts)], start=2)}
        return self

    def transform(self, X):
        rows = np.zeros((len(X), self.length), dtype="int32")
        for row, text in zip(rows, X, strict=True):
            numbers = [self.numbers_.get(word, 1) for word in text.split()][: self.length]
            row[: len(numbers)] = numbers
        return rows


def create_model(optimizer="adam", dropout=0.2, init="glorot_uniform", max_words=60, length=20):
    inputs = Input(shape=(length,), dtype="int32")
    words = Embedding(max_words, 8)(inputs)
    found = [GlobalMaxPooling1D()(Conv1D(8, width, activation="relu", kernel_initializer=init)(words)) for width in (2, 3, 4)]
    hidden = Dropout(dropout)(Concatenate()(found))
    outputs = Dense(1, activation="sigmoid", kernel_initializer=init)(hidden)
    model = Model(inputs, outputs)
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


pipeline = Pipeline([("numbers", WordNumbers()), ("clf", KerasClassifier(create_model, random_state=7))])
param_grid = {
    "clf__optimizer": ["rmsprop", "adam"],
    "clf__epochs": [10, 20],
    "clf__batch_size": [16, 32],
    "clf__dropout": [0.0, 0.3],
    "clf__init": ["glorot_uniform", "he_uniform"],
}
grid = GridSearchCV(pipeline, param_grid, cv=3)
grid.fit(X_train, y_train)

print(f"Best: {grid.best_score_:.3f} using {grid.best_params_}")
print(f"On texts that the search never saw: {grid.score(X_test, y_test):.3f}")
for text in ("the film was not bad at all", "the film was not good at all"):
    print(f"{text!r}: {grid.predict(np.array([text]))[0]}")
