"""`signaltape explain`: why there was a signal, or none, from what is recorded, and computed again."""

from signaltape.explanation.errors import ExplanationError
from signaltape.explanation.explain import Explanation, explain_bar, explain_signal

__all__ = ["Explanation", "ExplanationError", "explain_bar", "explain_signal"]
