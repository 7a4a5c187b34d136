"""All measurements on real recordings.

python -m benchmarks.real REAL [options of benchmarks.real.speakers]
"""

from benchmarks.real.speakers import main

main()
