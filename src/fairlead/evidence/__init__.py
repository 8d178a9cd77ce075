"""What is known about models and requests by measuring: training, benchmarks, verdicts and reports."""
