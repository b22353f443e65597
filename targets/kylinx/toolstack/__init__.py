"""What ``xl`` is to Xen: starts families, talks to their monitors, shows what became of programs in pVMs."""
