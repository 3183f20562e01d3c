"""A jar under a mixed load is killed with SIGKILL at random moments: everything that it had acknowledged is there, and nothing by half."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from ledgers import Actor, Bus, Calls, Items, Messages, Objects, Parameters, Topic, Uploads
from packages import TRUST, zipped

from command import Cloudjar

ROUNDS = 3
LOGS = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


@pytest.fixture
def cj(tmp_path: Path) -> Iterator[Cloudjar]:
    command = Cloudjar(tmp_path)
    yield command
    command.end()


def clients_of(endpoint: str) -> Any:
    made: dict[str, Any] = {}
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    config = Config(retries={"max_attempts": 0}, connect_timeout=5, read_timeout=30, s3={"addressing_style": "path"})

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, endpoint_url=endpoint, config=config)
        return made[service]

    return client


def work(actor: Actor, clients: Any, dying: threading.Event, failures: list[str]) -> None:
    while not dying.is_set():
        try:
            actor.step(clients)
        except (BotoCoreError, ClientError) as error:
            # Cut off, or refused while the jar ends. Anything before the kill is a failure.
            if not dying.is_set():
                time.sleep(0.2)
                if not dying.is_set():
                    failures.append(f"{actor.name}: {error!r}")
            return
        except AssertionError as error:
            failures.append(f"{actor.name}: {error}")
            return


@pytest.mark.parametrize("seed", [1, 2])
def test_a_killed_jar_has_kept_its_word(cj, seed):
    chance = random.Random(seed)
    jar = cj.up()
    clients = clients_of(jar["endpoint"])
    role = clients("iam").create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    clients("iam").attach_role_policy(RoleName="runs", PolicyArn="arn:aws:iam::aws:policy/AmazonSQSFullAccess")
    clients("iam").attach_role_policy(RoleName="runs", PolicyArn=LOGS)
    echo = zipped({"app.py": "def handler(event, context):\n    return event\n"})
    kinds = [Objects, Uploads, Messages, Items, Topic, Bus, Parameters]
    actors: list[Actor] = [kind(kind.__name__, seed) for kind in kinds]
    actors.append(Calls("Calls", seed, role, echo))
    for actor in actors:
        actor.set_up(clients)
    for _ in range(ROUNDS):
        dying, failures = threading.Event(), []
        threads = [threading.Thread(target=work, args=(actor, clients_of(jar["endpoint"]), dying, failures)) for actor in actors]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.3, 2.0))
        dying.set()
        cj.end()
        for thread in threads:
            thread.join()
        assert not failures
        jar = cj.up()
        clients = clients_of(jar["endpoint"])
        # What was taken up again is done, retries included.
        assert cj("clock", "advance", "10m").code == 0
        for actor in actors:
            actor.check(clients)
    assert all(actor.n for actor in actors)
