"""Made-up datasets with known truth."""
