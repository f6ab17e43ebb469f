"""Texts of Django's own admin whose Spanish does not fit the rest, marked so that ours is taken.

Its sentences treat everything as masculine, say “añadir” where the portal says “agregar”, and
speak of staff to people who never heard of it.
"""

from django.utils.translation import gettext_noop

TEXTS = (
    gettext_noop("The {name} “{obj}” was added successfully."),
    gettext_noop("The {name} “{obj}” was changed successfully."),
    gettext_noop("The {name} “{obj}” was changed successfully. You may edit it again below."),
    gettext_noop("The {name} “{obj}” was added successfully. You may add another {name} below."),
    gettext_noop("The {name} “{obj}” was changed successfully. You may add another {name} below."),
    gettext_noop("The %(name)s “%(obj)s” was deleted successfully."),
    gettext_noop("You may edit it again below."),
    gettext_noop("Add %s"),
    gettext_noop("Save and add another"),
    gettext_noop(
        "Please enter the correct %(username)s and password for a staff account. Note that both "
        "fields may be case-sensitive."
    ),
)
