"""Where words go, in whatever signs a stream has; and how an error is said."""
