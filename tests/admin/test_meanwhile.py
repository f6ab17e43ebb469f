"""Two people who save the same page at the very same moment, on a database that lets them."""

import threading

import pytest
from django.db import connection, transaction

from connector.models import Tenant
from tests.admin.test_tenants import filled, page


@pytest.mark.django_db(transaction=True)
@pytest.mark.server
def test_one_of_two_who_save_at_the_same_moment_is_told(browser, tenant):
    client = browser("Tenant admins")
    answers = []

    def save(seconds):
        answers.append(client.post(page(tenant), filled(tenant, give_up_after=seconds)))
        connection.close()

    racers = [threading.Thread(target=save, args=(seconds,)) for seconds in (60, 90)]
    with transaction.atomic():
        Tenant.objects.select_for_update().get(pk=tenant.pk)  # both come as far as they can
        for racer in racers:
            racer.start()
        racers[0].join(timeout=1)
    for racer in racers:
        racer.join()

    tenant.refresh_from_db()
    assert [200, 302] == sorted(answer.status_code for answer in answers)
    assert tenant.version == 2
