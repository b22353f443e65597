"""Redis: its key sets, its correctness pass, its cases."""
