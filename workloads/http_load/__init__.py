"""HTTP: its pages, its correctness pass, its cases."""
