"""What a release is checked for besides the tests: `make release-checks`."""
