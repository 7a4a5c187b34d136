"""All code that uses FFmpeg's libraries. Only these modules import `av`."""
