"""The full-text index of what lines show: FTS5 on SQLite, GIN on PostgreSQL."""

from django.db import migrations

from agents.event_text import event_text

EVENTS_AT_ONCE = 200

CREATE = {
    "sqlite": (
        "CREATE VIRTUAL TABLE agents_eventtext_index"
        " USING fts5(text, content='agents_eventtext', content_rowid='event_id')",
        "CREATE TRIGGER agents_eventtext_added AFTER INSERT ON agents_eventtext BEGIN"
        " INSERT INTO agents_eventtext_index(rowid, text) VALUES (new.event_id, new.text); END",
        "CREATE TRIGGER agents_eventtext_gone AFTER DELETE ON agents_eventtext BEGIN"
        " INSERT INTO agents_eventtext_index(agents_eventtext_index, rowid, text)"
        " VALUES ('delete', old.event_id, old.text); END",
    ),
    "postgresql": (
        "CREATE INDEX agents_eventtext_words ON agents_eventtext USING gin"
        " (to_tsvector('simple', regexp_replace(text, '[^[:alnum:]]+', ' ', 'g')))",
    ),
}
DROP = {
    "sqlite": (
        "DROP TRIGGER agents_eventtext_gone",
        "DROP TRIGGER agents_eventtext_added",
        "DROP TABLE agents_eventtext_index",
    ),
    "postgresql": ("DROP INDEX agents_eventtext_words",),
}


def create_index(apps, schema_editor):
    for statement in CREATE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def drop_index(apps, schema_editor):
    for statement in DROP[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def index_what_is_there(apps, schema_editor):
    alias = schema_editor.connection.alias
    stored = apps.get_model("agents", "SessionEvent").objects.using(alias).order_by("pk")
    text_model = apps.get_model("agents", "EventText")
    last = 0
    while events := list(stored.filter(pk__gt=last)[:EVENTS_AT_ONCE]):
        texts = [(event, event_text(event.kind, event.payload)) for event in events]
        text_model.objects.using(alias).bulk_create(
            text_model(event=event, agent_id=event.agent_id, text=text)
            for event, text in texts
            if text
        )
        last = events[-1].pk


class Migration(migrations.Migration):
    dependencies = [("agents", "0006_conversation")]
    operations = [
        migrations.RunPython(create_index, drop_index),
        migrations.RunPython(index_what_is_there, migrations.RunPython.noop),
    ]
