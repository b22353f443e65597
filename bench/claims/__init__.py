"""Published claims, and what this machine says of them: docs/claims.md."""
