from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LogoutView
from django.http import HttpResponse, JsonResponse
from django.urls import include, path

from people.models import User


@login_required
def home(request):
    company = request.user.company
    return HttpResponse(
        '<p id="who">%s of %s</p><a id="logout" href="/logout/">Sign out</a>'
        % (request.user.username, company.name if company else "nowhere")
    )


def people(request):
    """What the database holds, for the test to read."""
    return JsonResponse({"people": [
        {
            "id": u.server_id,
            "username": u.username,
            "email": u.email,
            "active": u.is_active,
            "admin": u.is_staff or u.is_superuser,
            "joined": u.date_joined,
            "company": u.company and {
                "id": u.company.server_id,
                "name": u.company.name,
                "activity": u.company.get_primary_activity_display(),
            },
        }
        for u in User.objects.order_by("server_id")
    ]})


urlpatterns = [
    path("", home),
    path("people/", people),
    path("logout/", LogoutView.as_view()),
    path("admin/", admin.site.urls),
    path("oidc/", include("djangito_client.urls")),
]
