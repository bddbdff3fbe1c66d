# SPDX-License-Identifier: Apache-2.0
"""Which files are generated, and from what."""

import json
from pathlib import Path
from typing import Any

import yaml

from generate.reference import field_reference, flag_reference, reason_reference, schedule_reference
from smtp_operator.api.crd import smtp_config_crd, smtp_config_json_schema

_HEADER = "# SPDX-License-Identifier: Apache-2.0\n# Generated from operator/api/; run `make generate`.\n"


def generated_files() -> dict[str, str]:
    """Every generated file: path below the root, and text."""
    return {
        "deploy/crds/smtpconfigs.yaml": _HEADER + to_yaml(smtp_config_crd()),
        "deploy/schemas/smtpconfig.schema.json": json.dumps(smtp_config_json_schema(), indent=2) + "\n",
        "docs/reference/fields.md": field_reference(),
        "docs/reference/reasons.md": reason_reference(),
        "docs/reference/flags.md": flag_reference(),
        "docs/reference/schedule.md": schedule_reference(),
    }


def stale_files(root: Path) -> list[str]:
    """The generated files below ``root`` that do not hold what the code says."""
    return [
        path
        for path, text in generated_files().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def to_yaml(document: Any) -> str:
    """One YAML document in the order of its keys."""
    return yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
