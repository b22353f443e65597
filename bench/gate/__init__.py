"""The regression gate: is a run worse than a baseline? How it decides and why: docs/gate.md."""
