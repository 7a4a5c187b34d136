"""Container x codec x track layouts, made by the ffmpeg installed here, through the commands."""
