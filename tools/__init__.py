"""What a contributor or a release runs besides the tests."""
