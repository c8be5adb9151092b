"""A Prometheus of one's own on this machine: the shipped rules over the processes of this home."""

from signaltape.prometheus.server import LocalPrometheus, PrometheusError

__all__ = ["LocalPrometheus", "PrometheusError"]
