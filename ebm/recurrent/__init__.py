"""Chapter 1: networks that go through sequences in time."""
