"""The pages of the site."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path

from notes.models import Note


def health(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def notes(request: HttpRequest) -> HttpResponse:
    return render(request, "notes/page.html", {"notes": Note.objects.all()})


urlpatterns = [path("health", health), path("", notes)]
