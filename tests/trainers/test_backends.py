"""TensorFlow's share is fixed once per process, so each case is a process of its own."""

import json
import os
import subprocess
import sys

CODE = """
import json, os, tensorflow as tf
from trainers.backends import hold_to_share
hold_to_share(os.environ)
first = tf.config.threading.get_intra_op_parallelism_threads(), tf.config.threading.get_inter_op_parallelism_threads()
tf.constant(1) + 1
hold_to_share({**os.environ, "KERASWEEP_THREADS": "2"})
print(json.dumps([first, tf.config.threading.get_intra_op_parallelism_threads(), len(tf.config.get_visible_devices("GPU"))]))
"""


def test_tensorflow_gets_the_threads_that_the_environment_says_and_keeps_them_once_in_use():
    environment = {**os.environ, "KERASWEEP_THREADS": "1", "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": ""}

    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [[1, 1], 1, 0]


def test_where_tensorflow_is_not_loaded_nothing_loads_it():
    code = """
import sys
from trainers.backends import hold_to_share
hold_to_share({"KERASWEEP_THREADS": "1"})
print("tensorflow" in sys.modules)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
