"""Container x codec x track layouts, made by the installed ffmpeg and run through the commands."""
