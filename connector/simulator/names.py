"""The people and queues that an organisation starts with; ids that are the same in every run."""

import uuid

PEOPLE = (
    ("María Fernanda Quiroga", "Mafer"),
    ("Diego Armando Paredes", "Diego"),
    ('Sofía "Sofi" Ibáñez', "Sofi"),
    ("José Ñáñez O'Brien", "Pepe"),
    ("Valentina Restrepo Gómez", "Vale"),
    ("Joaquín Peñaloza Güiza", "Joaco"),
    ("Lucía Belén Aramburú", "Luchi"),
    ("Andrés Felipe Muñoz", "Pipe"),
    ("Ximena Huamán Ccori", "Xime"),
    ("Íñigo Salvatierra\\Núñez", "Íñigo"),
)
UNNAMED_PERSON = ("Itzel Xóchitl Domínguez", "Itzel")

QUEUE_MANUAL = "Lynn - Soporte nivel 1"
QUEUE_AUTOMATIC = "Lynn - Ventas"
QUEUE_OPEN_ONLY = "Atención a pequeñas empresas"
QUEUE_MAIL = 'Correo "Señor Cliente"'

_NAMESPACE = uuid.UUID("6b0a2f8e-93c4-4d17-8e5b-2fa17c09d364")


def stable_id(*words: str) -> str:
    """The same words give the same id in every run, so that a configuration file can name it."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(words)))


def new_id() -> str:
    return str(uuid.uuid4())
