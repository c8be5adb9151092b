"""What a model was made with."""

from importlib import metadata

_LIBRARIES = ("numpy", "scipy", "scikit-learn", "joblib", "lightgbm", "onnx", "onnxruntime", "signaltape")


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide a model's bytes."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
