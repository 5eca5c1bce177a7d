"""A wide & deep net with feature crosses, and a net of two inputs and two outputs with an auxiliary loss of weight 0.2.

Replaces the lesson on wide & deep models over a census table and the one that joins a second input to an LSTM in the functional
API. Both nets are estimators here: several inputs are a dict, which `Inputs` makes fit to be cut into folds; several outputs are
the columns of y. The data are made on the spot.

It takes 23 s on two cores, and 54 s with scikit-learn's own searches and `n_jobs=2` (`python -m benchmarks.tutorials 5`).
"""

import keras
import numpy as np

from kerasweep import GridSearchCV, Inputs, KerasClassifier, cross_validate

rng = np.random.default_rng(7)

# Who earns more? Education and job decide together, which no sum over the two can say; age and hours add to it.
rows, educations, jobs = 2000, 6, 8
education, job = rng.integers(educations, size=rows), rng.integers(jobs, size=rows)
numbers = rng.normal(size=(rows, 4)).astype("float32")
fits = rng.normal(size=(educations, jobs))[education, job]
earns_more = np.where(1.5 * fits + numbers[:, 0] * numbers[:, 1] + rng.normal(scale=0.5, size=rows) > 0, ">50K", "<=50K")

crossed = np.eye(educations * jobs, dtype="float32")[education * jobs + job]
census = Inputs(
    {
        "wide": np.hstack([np.eye(educations, dtype="float32")[education], np.eye(jobs, dtype="float32")[job], crossed]),
        "deep": numbers,
    }
)


def wide_and_deep(width=16, crosses=True, learning_rate=1e-2):
    wide = keras.Input((educations + jobs + educations * jobs,), name="wide")
    deep = keras.Input((4,), name="deep")
    hidden = keras.layers.Dense(width, activation="relu")(deep)
    hidden = keras.layers.Dense(width, activation="relu")(hidden)
    seen = wide if crosses else wide[:, : educations + jobs]
    output = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Concatenate()([seen, hidden]))
    model = keras.Model([wide, deep], output)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(learning_rate), metrics=["accuracy"])
    return model


net = KerasClassifier(wide_and_deep, epochs=15, batch_size=32, random_state=7)
search = GridSearchCV(net, {"crosses": [False, True], "width": [8, 32]}, cv=3)
search.fit(census, earns_more)
print("wide & deep, accuracy over 3 folds")
for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"  crosses {params['crosses']!s:<5} width {params['width']:<2}  {score:.3f}")

# Is a headline read, and is it shared? What it says is its words; when it was posted comes in later.
headlines = rng.integers(1, 200, size=(1500, 12)).astype("int32")
posted = rng.normal(size=(1500, 5)).astype("float32")
catches = (headlines < 25).sum(axis=1) - 1.5
read = (catches + posted[:, 0] + 0.5 * rng.normal(size=1500) > 0).astype("int64")
shared = (catches + 0.5 * rng.normal(size=1500) > 0).astype("int64")


def headline_net(units=16):
    main_input = keras.Input((12,), dtype="int32", name="main_input")
    words = keras.layers.Embedding(200, 16)(main_input)
    said = keras.layers.LSTM(units)(words)
    aux_output = keras.layers.Dense(1, activation="sigmoid", name="aux_output")(said)
    aux_input = keras.Input((5,), name="aux_input")
    x = keras.layers.Concatenate()([said, aux_input])
    x = keras.layers.Dense(32, activation="relu")(x)
    x = keras.layers.Dense(32, activation="relu")(x)
    main_output = keras.layers.Dense(1, activation="sigmoid", name="main_output")(x)
    model = keras.Model([main_input, aux_input], [main_output, aux_output])
    model.compile(
        optimizer="rmsprop",
        loss={"main_output": "binary_crossentropy", "aux_output": "binary_crossentropy"},
        loss_weights={"main_output": 1.0, "aux_output": 0.2},
    )
    return model


inputs = Inputs({"main_input": headlines, "aux_input": posted})
both = np.column_stack([read, shared])
estimator = KerasClassifier(headline_net, epochs=20, batch_size=32, random_state=7)
scores = cross_validate(estimator, inputs, both, cv=3, return_train_score=True)
print(
    f"two outputs, mean accuracy of both: {scores['test_score'].mean():.3f} (on training rows {scores['train_score'].mean():.3f})"
)
estimator.fit(inputs, both)
print("the first three headlines, read and shared:", estimator.predict(inputs)[:3].tolist(), "in truth:", both[:3].tolist())
