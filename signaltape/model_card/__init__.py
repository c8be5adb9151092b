"""A model's card: what it is for, what it was made of, how it was judged, what it looks at."""

from signaltape.model_card.card import CARD_FILE, Evaluation, model_card
from signaltape.model_card.importance import IMPORTANCE_FILE, IMPORTANCE_PLOT, Importance, importance_of

__all__ = [
    "CARD_FILE",
    "IMPORTANCE_FILE",
    "IMPORTANCE_PLOT",
    "Evaluation",
    "Importance",
    "importance_of",
    "model_card",
]
