"""The Grafana dashboards as they are described; `python -m scripts.dashboards` writes their JSON."""
