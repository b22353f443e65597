"""The KylinX target: programs in pVMs on KVM, a monitor's process a family."""

from targets.kylinx.target import KylinxDeployment, KylinxTarget, KylinxVmTarget

__all__ = ["KylinxDeployment", "KylinxTarget", "KylinxVmTarget"]
