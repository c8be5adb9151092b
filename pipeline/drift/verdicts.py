"""Bands of metrics: a word for a number (D2 of the threshold matrix that desks share)."""


def coefficient_band(value: float) -> str:
    """Band of a day's information coefficient.

    >>> [coefficient_band(v) for v in (0.051, 0.05, 0.02, 0.019, 0.01, 0.009, 0.0, -0.001)]
    ['excellent', 'good', 'good', 'watch', 'watch', 'critical', 'critical', 'suspect']
    """
    if value > 0.05:
        return "excellent"
    for least, band in ((0.02, "good"), (0.01, "watch"), (0.0, "critical")):
        if value >= least:
            return band
    return "suspect"


def stability_band(value: float) -> str:
    """Band of a population stability index.

    >>> [stability_band(v) for v in (0.0, 0.1, 0.11, 0.25, 0.26)]
    ['stable', 'stable', 'moved', 'moved', 'shifted']
    """
    if value > 0.25:
        return "shifted"
    return "moved" if value > 0.10 else "stable"


def sharpe_band(value: float) -> str:
    """Band of an annualised Sharpe ratio.

    >>> [sharpe_band(v) for v in (0.5, 0.49, 0.0, -0.1)]
    ['good', 'weak', 'weak', 'losing']
    """
    if value >= 0.5:
        return "good"
    return "weak" if value >= 0 else "losing"
