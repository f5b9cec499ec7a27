"""``python -m vaescope`` is the command ``vaescope``."""

from vaescope.cli import main

if __name__ == "__main__":
    main()
