"""What the text of a feature family must not use: functions whose bits depend on layout or on neighbours.

``np.sum`` and its kin add pairwise by blocks that follow size and strides, and ``math.log`` differs from ``np.log``
in the last bit. Window reductions go through ``pipeline.kernel``.
"""

import ast
from collections.abc import Iterator

#: Calls of a method or of a module's function by these names are refused.
BANNED = frozenset(
    {
        "sum", "mean", "std", "var", "median", "dot", "einsum", "matmul", "average", "nansum", "nanmean", "nanstd",
        "nanvar", "cumsum", "cumprod", "prod", "inner", "outer", "vdot", "tensordot", "trapezoid", "convolve",
        "correlate", "add", "reduce", "accumulate", "reduceat", "random", "default_rng",
    }
)  # fmt: skip
#: (owner, function) that are elementwise in spite of their names.
ALLOWED = frozenset({("np", "add"), ("numpy", "add")})
#: Modules that read the world, or whose arithmetic isn't numpy's elementwise one.
BANNED_MODULES = frozenset(
    {
        "math", "scipy", "pandas", "statistics", "random", "time", "datetime", "os", "io", "pathlib", "socket",
        "subprocess", "threading", "asyncio", "urllib", "http", "sqlite3", "pickle", "tempfile", "shutil",
    }
)  # fmt: skip


def offences(source: str) -> list[str]:
    """Return what a family's source breaks, as "line 3: sum"; raises SyntaxError for what is no Python.

    >>> offences("import numpy as np\\nx = np.mean(y)")
    ['line 2: mean']
    """
    return [found for node in ast.walk(ast.parse(source)) for found in _of(node)]


def _of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in BANNED:
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        if (owner, node.func.attr) not in ALLOWED:
            yield f"line {node.lineno}: {node.func.attr}"
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult):
        yield f"line {node.lineno}: @"
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        yield from (f"line {node.lineno}: import {name}" for name in names if name.split(".")[0] in BANNED_MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "numpy":
            yield from (f"line {node.lineno}: import {one.name}" for one in node.names if one.name in BANNED - {"add"})
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("sum", "fsum", "open"):
        yield f"line {node.lineno}: {node.func.id}()"
    if isinstance(node, ast.Global | ast.Nonlocal):
        yield f"line {node.lineno}: {', '.join(node.names)} outlives the call; state belongs into `state`"
