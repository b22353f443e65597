"""Mixed behaviour of users, by locust, distributed over processes."""
