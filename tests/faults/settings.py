"""The portal's own settings, in a process in which something is made to go wrong.

Only processes that the tests start with this module are touched; the product knows nothing of it.
"""

from tests.faults import injected

injected.set_clock()  # before anything of the portal is imported and keeps the true one

from portal.settings import *  # noqa: E402, F403
from portal.settings import INSTALLED_APPS as _INSTALLED_APPS  # noqa: E402

INSTALLED_APPS = [*_INSTALLED_APPS, "tests.faults.injected.Injected"]
