"""Help texts whose lines stay as they were written, with Django's own options last."""

from argparse import RawDescriptionHelpFormatter

from django.core.management.base import DjangoHelpFormatter


class AsWritten(RawDescriptionHelpFormatter, DjangoHelpFormatter):
    pass
