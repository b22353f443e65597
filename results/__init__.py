"""What is kept and shown: the store, exports, and the report. Imports ``vocabulary`` alone."""
