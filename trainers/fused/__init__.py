"""The parts of the fused engine; :mod:`trainers.fused_engine` is the door. Everything here but ``members`` needs Keras on JAX."""
