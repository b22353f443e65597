"""The KylinX target: programs in pVMs on KVM, a monitor's process a family."""
