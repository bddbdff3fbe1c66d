# SPDX-License-Identifier: Apache-2.0
"""Spring Boot's ``spring.mail`` reads the recipe, and sends an email with it."""

import os
import shutil
import subprocess
from urllib.parse import parse_qsl

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.recipes import HOST, PORT, RECIPES, SENDER, USER, rest_of, secret
from smtp_tools.paths import HACK

SOURCE = HACK / "spring-settings"
LIST_LIBRARIES = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
HOME = "/home/app"
LOCALE = {"LANG": "C.UTF-8"}
"""The locale that the page asks for, for passwords with other than ASCII characters."""

EXACT = " #{1+1} $HOME $(id) %s %24 \\ \\u0041 \\n \"q\" 'q' {b} } `id` é€漢😀 ; # = @host/? "
"""A password that must arrive exactly, with spaces at both ends."""
CHANGED = r"${HOME} ${NO_SUCH_NAME} ${NO_SUCH_NAME:text} \${HOME} ${HOME"
ARRIVES = f"{HOME} ${{NO_SUCH_NAME}} text ${{HOME}} ${{HOME"
"""A password with ``${``, as Spring Boot reads it."""


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The class path of Spring Boot, which Maven downloads."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        pytest.fail(
            "Install Maven and a JDK (17 or later). On Debian: apt-get install maven default-jdk-headless"
        )
    listed = tmp_path_factory.mktemp("spring") / "class-path"
    command = ("mvn", "-q", "-B", "-f", SOURCE / "pom.xml", LIST_LIBRARIES, f"-Dmdep.outputFile={listed}")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"Maven cannot get Spring Boot: {done.stdout[-2000:]}"
    return listed.read_text(encoding="utf-8")


def read(libraries: str, environment: dict[str, str], *addresses: str) -> dict[str, str]:
    """Return the settings that Spring Boot reads; with two addresses, send an email from one to the other."""
    done = subprocess.run(
        ("java", "-cp", libraries, SOURCE / "SpringSettings.java", *addresses),
        env={"PATH": os.environ["PATH"], "HOME": HOME, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(parse_qsl(done.stdout.decode().strip(), strict_parsing=True, separator="\n"))


def test_spring_boot_reads_its_recipe(libraries: str) -> None:
    assert read(libraries, LOCALE | secret("spring", EXACT)) == {
        "host": HOST,
        "port": str(PORT),
        "username": USER,
        "password": EXACT,
        "mail.smtp.auth": "true",
        "mail.smtp.starttls.required": "true",
    }


def test_it_replaces_placeholders_as_the_page_says(libraries: str) -> None:
    assert read(libraries, secret("spring", CHANGED))["password"] == ARRIVES


def test_it_reads_other_characters_by_the_locale(libraries: str) -> None:
    assert read(libraries, secret("spring", "é") | {"LC_ALL": "C"})["password"] != "é"


def test_it_sends_an_email_to_a_server_with_a_private_ca(libraries: str) -> None:
    added = yaml.safe_load(rest_of("spring"))
    publish = {**RECIPES["spring"]["publish"], "keys": [*RECIPES["spring"]["publish"]["keys"], *added]}
    with MailServer.in_thread(users={USER: EXACT}, require_auth=True) as server:
        chain = (x509.load_pem_x509_certificate(server.ca_pem.encode()).public_bytes(Encoding.DER),)
        settings = {"server": "localhost", "port": server.starttls_port, "tls": {"caRef": {"name": "ca"}}}
        given = secret("spring", EXACT, ca_chain=chain, publish=publish, **settings)
        read(libraries, LOCALE | given, SENDER, "ops@example.com")
    (mail,) = server.mails
    assert (mail.username, mail.tls, mail.recipients) == (USER, True, ("ops@example.com",))
