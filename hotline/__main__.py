"""`python -m hotline`, the same as the console script."""

from hotline.cli import main

main()
