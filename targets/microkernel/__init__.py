"""The ARM micro kernel target: a kernel of our own on QEMU's `virt` board."""

from targets.microkernel.target import MicrokernelDeployment, MicrokernelTarget

__all__ = ["MicrokernelDeployment", "MicrokernelTarget"]
