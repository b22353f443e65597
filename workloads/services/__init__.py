"""What the three services' loads share: data sets, correctness checks, parameters, the flow of a case."""
