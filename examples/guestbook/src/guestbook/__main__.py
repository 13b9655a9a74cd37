"""`python -m guestbook`."""

import sys

from guestbook.server import main

sys.exit(main())
