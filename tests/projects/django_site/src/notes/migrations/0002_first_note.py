"""The first note, which must not be there twice."""

from django.db import migrations


def write(apps, schema_editor):
    apps.get_model("notes", "Note").objects.create(text="milk & bread")


class Migration(migrations.Migration):
    """Writes it."""

    dependencies = (("notes", "0001_initial"),)
    operations = (migrations.RunPython(write, migrations.RunPython.noop),)
