"""`manage.py checktranslations`: is every text there in Spanish, and whole?"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from connector.management import translations


class Command(BaseCommand):
    help = "Look for texts without a Spanish translation; --write adds them to the .po file."

    def add_arguments(self, parser: CommandParser) -> None:
        words = "add new texts, drop those that are gone, and compile the .mo file"
        parser.add_argument("--write", action="store_true", help=words)

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        if options["write"]:
            translations.write(root)
        elif found := list(translations.problems(root)):
            advice = "run ./run checktranslations --write, and complete the .po file."
            raise CommandError("\n".join([*found, f"{len(found)} to put right: {advice}"]))
