"""From video to names: read frames, find and follow faces, decide who each track shows, report it."""
