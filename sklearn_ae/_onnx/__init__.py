"""Export to ONNX: what is exported, and how PyTorch's operations are written in ONNX."""
