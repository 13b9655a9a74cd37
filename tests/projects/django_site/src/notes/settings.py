"""Settings of the site; the secret comes from the environment."""

import os

import dj_database_url

SECRET_KEY = os.environ["SECRET_KEY"]
TIME_ZONE = "UTC"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "notes.urls"
WSGI_APPLICATION = "notes.wsgi.application"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "notes"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {"default": dj_database_url.config()}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
