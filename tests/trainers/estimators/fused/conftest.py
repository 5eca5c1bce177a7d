"""These tests need Keras on JAX."""

from on_jax import compilation_cache

__all__ = ["compilation_cache"]
