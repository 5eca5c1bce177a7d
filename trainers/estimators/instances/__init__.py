"""Values that fits must not share: made plain, made anew, kept as bytes, carried to other processes and backends.

Keras is not imported: where it is not loaded, no value is of Keras' making.
"""

from trainers.estimators.instances.anew import plain, renewed, with_settings
from trainers.estimators.instances.carrying import dump, load
from trainers.estimators.instances.keras_objects import config_is_whole, keras_parts
from trainers.estimators.instances.modules import is_users, source_digest, users_file, version_of
from trainers.estimators.instances.net_files import random_states_kept, read_net, written_net
from trainers.estimators.instances.stored_model import StoredModel

__all__ = [
    "StoredModel",
    "config_is_whole",
    "dump",
    "is_users",
    "keras_parts",
    "load",
    "plain",
    "random_states_kept",
    "read_net",
    "renewed",
    "source_digest",
    "users_file",
    "version_of",
    "with_settings",
    "written_net",
]
