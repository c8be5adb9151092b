"""Reports for people: one renderer of self-contained HTML pages, and the plots in them."""
