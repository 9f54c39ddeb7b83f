"""The tests, and two measuring programs: `bench` and `verify`."""
