"""The feature store: what was known of each entity at each time."""

from infra.feature_store.errors import FeatureStoreError, InvalidRequest, UnknownFeature
from infra.feature_store.frame import FeatureFrame, Knowledge
from infra.feature_store.pairs import Moment, Pairs
from infra.feature_store.store import FeatureStore

__all__ = [
    "FeatureFrame",
    "FeatureStore",
    "FeatureStoreError",
    "InvalidRequest",
    "Knowledge",
    "Moment",
    "Pairs",
    "UnknownFeature",
]
