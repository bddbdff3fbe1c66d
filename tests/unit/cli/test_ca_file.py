# SPDX-License-Identifier: Apache-2.0
"""--ca-file must name a file with certificates, or the operator does not start."""

from pathlib import Path

import pytest
import trustme

from smtp_operator.cli.ca_file import read_ca_file
from smtp_operator.setting_reader import read_settings
from smtp_operator.settings import InvalidSetting

PEM = trustme.CA().cert_pem.bytes()


def test_no_flag_means_no_file() -> None:
    assert read_ca_file(read_settings({}, {}).ca_file) is None


def test_the_flag_has_an_environment_variable() -> None:
    assert read_settings({}, {"SMTP_OPERATOR_CA_FILE": "/etc/cas.pem"}).ca_file == "/etc/cas.pem"


@pytest.mark.parametrize("text", [PEM, PEM + PEM, b"# F\xc5\x91tan\xc3\xbas\xc3\xadtv\xc3\xa1ny\n" + PEM])
def test_a_file_with_certificates(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(text)
    assert PEM.decode() in (read_ca_file(str(file)) or "")


@pytest.mark.parametrize("text", [b"", b"\n", b"no PEM", PEM[:200], PEM + PEM[:200]])
def test_a_file_without(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(text)
    with pytest.raises(InvalidSetting) as refused:
        read_ca_file(str(file))
    assert str(refused.value) == f"--ca-file: {file} contains no valid PEM certificates"


def test_a_missing_file() -> None:
    with pytest.raises(InvalidSetting) as refused:
        read_ca_file("/nowhere/ca.pem")
    assert str(refused.value) == "--ca-file: /nowhere/ca.pem cannot be read: No such file or directory"
