"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008); shapes and signs say the same."""

INK, QUIET, GRID, PAPER = "#1b2733", "#51606e", "#dde3e8", "#ffffff"
#: First, second and third curve; the first two also stand for up and down, long and short.
BLUE, VERMILION, GREEN = "#0072b2", "#d55e00", "#009e73"
FLAT = "#b8c2cb"
