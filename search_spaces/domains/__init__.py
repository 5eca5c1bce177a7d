"""The values that one hyperparameter may take: a choice, whole numbers, floats even, in steps or log-uniform."""

from search_spaces.domains.domain import Choice, Domain
from search_spaces.domains.floats import Float, LogUniform, Reciprocal
from search_spaces.domains.integers import Integer
from search_spaces.domains.numeric import Number

__all__ = ["Choice", "Domain", "Float", "Integer", "LogUniform", "Number", "Reciprocal"]
