"""DNS: its zone, its correctness pass, its cases."""
