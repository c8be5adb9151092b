"""The few shapes of PromQL that the panels are made of. Counters are looked at over Grafana's rate interval only."""

from scripts.dashboards.spec import Metric

#: Joins a process's own metrics with the name of its service.
OF_SERVICE = "* on (job, instance) group_left (service) signaltape_build_info"


def _over(function: str, metric: str, by: str, where: str) -> str:
    selector = f"{{{where}}}" if where else ""
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}({function}({metric}{selector}[$__rate_interval]))"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """A counter's growth a second, summed over processes."""
    return _over("rate", metric, by, where)


def growth(metric: str, by: str = "", where: str = "") -> str:
    """A counter's growth in each stretch of time, summed over processes.

    `increase` doesn't see a series' first value, and what is rare begins with it: a series that wasn't there while its
    process already was counts from 0.
    """
    series = f"{metric}{{{where}}}" if where else metric
    born = f"({series} unless {series} offset $__rate_interval) and on (job, instance) up offset $__rate_interval == 1"
    grouped = f"sum by ({by}) " if by else "sum"
    return f"{grouped}(({born}) or increase({series}[$__rate_interval]))"


def rates(metric: str, by: str, where: str = "") -> Metric:
    """One series for each combination of the labels ``by``, named by them."""
    return Metric(expr=rate(metric, by, where), legend=_legend(by))


def growths(metric: str, by: str, where: str = "") -> Metric:
    """As ``rates``, of the growth; and a series `none` at 0 where nothing was ever counted."""
    return Metric(expr=or_none(growth(metric, by, where), by.split(",")[0]), legend=_legend(by))


def quantiles(histogram: str, by: str = "", where: str = "") -> tuple[Metric, ...]:
    """Median and 99th percentile of a histogram, for each combination of the labels ``by``."""
    series = rate(f"{histogram}_bucket", f"{by}, le" if by else "le", where)
    return tuple(
        Metric(expr=f"histogram_quantile({share:g}, {series})", legend=f"{_legend(by)} {name}" if by else name)
        for share, name in ((0.5, "p50"), (0.99, "p99"))
    )


def buckets(histogram: str, where: str = "") -> Metric:
    """How much each bucket of a histogram grew: what a heatmap draws."""
    return Metric(expr=_over("increase", f"{histogram}_bucket", "le", where), legend="{{le}}")


def or_none(expr: str, label: str) -> str:
    """``expr``, or a series `none` at 0: a counter never raised has no series, which is not "no data"."""
    return f'{expr} or label_replace(vector(0), "{label}", "none", "", "")'


def _legend(by: str) -> str:
    return " ".join(f"{{{{{one.strip()}}}}}" for one in by.split(","))
