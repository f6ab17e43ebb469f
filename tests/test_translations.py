"""The Spanish of the portal: all of it is there, the check finds what is not, pages show it."""

import re
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from connector.admin.chart import SERIES
from connector.domain import Reason, State
from connector.explain import explain
from connector.management.translations import PO, problems, write
from tests.test_explain import ENDS, OPEN, SENTENCES, connection, unanswered

CODE = """
from django.utils.translation import gettext as _, ngettext, pgettext

ONE = _("One text")
NAMED = _("Wait for %(name)s")
COUNTED = ngettext("One queue", "%(n)d queues", 2)
MEANT = pgettext("event", "Ignored")
"""
TEMPLATE = """
{% load i18n %}
  {% if rows %}<p title="{% translate "A hint" %}">
{% blocktranslate with who=person %}Told <b>{{ who }}</b>{% endblocktranslate %}</p>
    {% endif %}
"""
SPANISH = {
    "One text": "Un texto",
    "Wait for %(name)s": "Espere a %(name)s",
    "Ignored": "Ignorado",
    "A hint": "Una pista",
    "Told <b>%(who)s</b>": "Se avisó a <b>%(who)s</b>",
}
TOLD = SPANISH["Told <b>%(who)s</b>"]
COUNTED = ("Una cola", "%(n)d colas")
ENGLISH = re.compile(
    r"\b(after|agent|and|answered|but|event|is|it|of|queue|tenant|that|the|told|try|was|whether)\b",
    re.IGNORECASE,
)


@pytest.fixture
def project(tmp_path):
    """A small project whose texts are all there in Spanish."""
    made = Project(tmp_path)
    made.write("connector/words.py", CODE)
    made.write("connector/templates/page.html", TEMPLATE)
    made.write("connector/simulator/words.py", 'print(_("Only on the command line"))')
    write(tmp_path)
    for english, spanish in SPANISH.items():
        made.replace(f'msgid "{english}"\nmsgstr ""', f'msgid "{english}"\nmsgstr "{spanish}"')
    made.replace('msgstr[0] ""\nmsgstr[1] ""', 'msgstr[0] "{}"\nmsgstr[1] "{}"'.format(*COUNTED))
    write(tmp_path)
    return made


class Project:
    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def problems(self):
        return list(problems(self.root))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def replace(self, old, new):
        """In the .po file."""
        text = (self.root / PO).read_text("utf-8")
        assert old in text
        (self.root / PO).write_text(text.replace(old, new), "utf-8")


def test_every_text_of_the_portal_is_there_in_spanish():
    call_command("checktranslations")


def test_nothing_is_wrong_with_a_project_that_is_whole(project):
    assert project.problems == []


def test_writing_again_changes_nothing(project):
    files = [project.root / PO, (project.root / PO).with_suffix(".mo")]
    before = [file.read_bytes() for file in files]

    write(project.root)

    assert before == [file.read_bytes() for file in files]


def test_a_new_text_is_missing(project):
    project.write("portal/new.py", '_("Something " "new")')

    assert project.problems == ["missing: “Something new” (portal/new.py)"]


def test_a_new_text_has_no_translation_when_it_is_written(project):
    project.write("portal/new.py", '_("0123456789")')
    write(project.root)

    assert project.problems == ["empty: “0123456789” (portal/new.py)"]


def test_a_text_that_was_changed_keeps_its_translation_but_is_fuzzy(project):
    project.write("connector/templates/page.html", TEMPLATE.replace("A hint", "A hint."))
    write(project.root)

    assert project.problems == ["fuzzy: “A hint.” (connector/templates/page.html)"]
    assert 'msgstr "Una pista"' in (project.root / PO).read_text("utf-8")


@pytest.mark.parametrize(
    ("right", "wrong", "text"),
    [
        ("Espere a %(name)s", "Espere a %(nombre)s", "Wait for %(name)s"),
        ("Espere a %(name)s", "Espere", "Wait for %(name)s"),
        ("Un texto", "Un {texto}", "One text"),
        ("Un texto", "Un texto al 100 %%", "One text"),
        (TOLD, "Se avisó a <i>%(who)s</i>", "Told <b>%(who)s</b>"),
        (TOLD, "Se avisó a %(who)s", "Told <b>%(who)s</b>"),
        ("%(n)d colas", "colas", "One queue"),
    ],
)
def test_placeholders_and_tags_have_to_be_those_of_the_original(project, right, wrong, text):
    project.replace(f'"{right}"', f'"{wrong}"')

    [problem, _out_of_date] = project.problems
    assert problem.startswith(f"other placeholders or tags than the original: “{text}”")


def test_one_thing_may_be_counted_in_words_or_by_its_number(project):
    project.replace('msgstr[0] "Una cola"', 'msgstr[0] "%(n)d cola"')
    write(project.root)

    assert project.problems == []


def test_a_text_that_is_gone_is_obsolete(project):
    project.write("connector/words.py", CODE.replace('_("One text")', '""'))

    assert project.problems == ["obsolete: “One text” (connector/words.py)"]


def test_a_text_that_is_gone_leaves_both_files_when_they_are_written(project):
    project.write("connector/words.py", CODE.replace('_("One text")', '""'))
    write(project.root)

    assert project.problems == []


def test_a_translation_that_was_not_compiled_is_out_of_date(project):
    project.replace("Un texto", "Otro texto")

    assert project.problems == ["out of date: django.mo is not what django.po compiles to"]


def test_the_command_names_what_is_wrong_and_the_way_out(project, settings):
    settings.BASE_DIR = project.root
    project.write("portal/new.py", '_("Something new")')

    with pytest.raises(CommandError) as caught:
        call_command("checktranslations")

    said = str(caught.value).splitlines()
    assert said[0] == "missing: “Something new” (portal/new.py)"
    assert said[-1].startswith("1 to put right: run ./run checktranslations --write")


def test_the_command_writes_both_files(project, settings):
    settings.BASE_DIR = project.root
    project.replace("Un texto", "Otro texto")

    call_command("checktranslations", "--write")

    assert project.problems == []


CASES = {
    **{name: case for name, (case, _sentence) in SENTENCES.items()},
    **{f"{state}, {reason}": connection(state, reason) for state, reason in ENDS},
    **{f"{state}, {reason}, unanswered": unanswered(state, reason) for state, reason in ENDS},
    **{f"{state}, open": connection(state) for state in OPEN},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_sentence_in_spanish_holds_english(case):
    with translation.override("es"):
        sentence = re.sub(r" \(“.*?”\)", "", explain(case))  # what others said stays as it is

    assert not ENGLISH.findall(sentence.replace("Agent State", "")), sentence
    assert "%" not in sentence
    assert sentence.endswith(".")


def test_sentences_in_spanish_read_right():
    with translation.override("es"):
        assert explain(connection(State.DELIVERED, Reason.DELIVERED)) == (
            "María Fernanda Quiroga contestó después de 7,6 s; se avisó a Lynn 84 ms más tarde."
        )
        assert explain(unanswered(State.NOT_ANSWERED, Reason.GAVE_UP, checks=1)) == (
            "María Fernanda Quiroga (cola Soporte) todavía no había contestado 2 min después del "
            "evento (1 verificación); no se avisó a Lynn."
        )


def test_every_state_and_reason_has_another_name_in_spanish():
    names = [str(each.label) for each in (*State, *Reason)]

    with translation.override("es"):
        assert not set(names) & {str(each.label) for each in (*State, *Reason)}


def test_several_connections_are_named_as_several():
    with translation.override("es"):
        assert str(State.DELIVERED.label) == "Entregada"
        assert str(SERIES[0].label) == "Entregadas"


def test_a_sender_is_answered_in_english_whoever_was_served_before(client, db):
    with translation.override("es"):
        answer = client.put("/api/v1/tenants/banco-sur/events")

    assert answer.json()["detail"] == 'Method "PUT" not allowed.'


def test_the_login_page_is_in_spanish_for_whoever_reads_spanish(client, db):
    answer = client.get("/admin/login/", headers={"Accept-Language": "es-CO,es;q=0.9"})

    page = answer.content.decode()
    assert '<html lang="es"' in page
    assert "Iniciar sesión" in page
    assert "Log in" not in page
