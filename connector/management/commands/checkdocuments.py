"""`manage.py checkdocuments`: is what is written down about the code what the code does?"""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer


class Command(BaseCommand):
    help = "Compare openapi.yaml with the code; --write brings it up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write what should stand there")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.BASE_DIR) / "openapi.yaml"
        schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
        wanted = OpenApiYamlRenderer().render(schema, None)  # type: ignore[no-untyped-call]
        if options["write"]:
            path.write_bytes(wanted)
        elif not path.exists() or path.read_bytes() != wanted:
            raise CommandError(
                "openapi.yaml is out of date: run ./run checkdocuments --write and commit it."
            )
