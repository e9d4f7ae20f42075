from django.contrib.auth.models import AbstractUser
from django.db import models


class Company(models.Model):
    server_id = models.IntegerField(unique=True, null=True, editable=False)
    name = models.CharField(max_length=10000)
    primary_activity = models.IntegerField(null=True, choices=[(0, "Buyer"), (1, "Seller"), (2, "Agent")])


class User(AbstractUser):
    server_id = models.IntegerField(unique=True, null=True, editable=False)
    company = models.ForeignKey(Company, null=True, on_delete=models.SET_NULL)
