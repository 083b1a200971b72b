"""What the end-to-end tests stand on: servers, the program, independent readers, and ways to break things."""
