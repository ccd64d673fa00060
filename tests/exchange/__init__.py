"""The real shap and datasets, in an environment of their own: `make test-exchange`."""
