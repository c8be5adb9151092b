"""Models at run time: manifest, checked loading, scoring in fixed chunks, registry. Only ONNX is ever loaded."""
