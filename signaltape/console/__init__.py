"""The console: what an operator looks at in a browser. Pages, the live stream, and one module of routes a page."""
