"""What is shown of a URL: all but its password, wherever that stands; other texts stay as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.redaction import without_password, without_secrets
from orchestrator.spec.loading import spec_from_mapping
from orchestrator.tracking.registry import ModelRegistry
from orchestrator.wording import shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://ann:secret@mlflow/api", "https://ann:***@mlflow/api"),
        ("postgresql+psycopg://ann:secret@db:5432/mlflow", "postgresql+psycopg://ann:***@db:5432/mlflow"),
        ("postgresql://ann@corp:secret@db/mlflow", "postgresql://ann@corp:***@db/mlflow"),
        ("postgresql://ann:secret/with@signs@db/mlflow", "postgresql://ann:***@db/mlflow"),
        ("redis://:secret@cache", "redis://:***@cache"),
        ("postgresql://ann@db/mlflow?password=secret&sslmode=require", "postgresql://ann@db/mlflow?password=***&sslmode=require"),
        ("mysql://db/mlflow?charset=utf8&passwd=secret", "mysql://db/mlflow?charset=utf8&passwd=***"),
        ("API request to https://ann:secret@mlflow/api failed", "API request to https://ann:***@mlflow/api failed"),
        ("'postgres://ann:secret@h' and \"http://ann:secret@h\"", "'postgres://ann:***@h' and \"http://ann:***@h\""),
    ],
)
def test_a_password_is_hidden_wherever_it_stands(url: str, expected: str) -> None:
    assert without_password(url) == expected


@pytest.mark.parametrize(
    "text",
    [
        "http://mlflow:5000",
        "http://mlflow:5000/models/cancer@champion",
        "postgresql://ann@db:5432/mlflow?sslmode=require",
        "sqlite:////srv/mlflow.db",
        "models:/cancer@champion",
        "write to ann@corp.com: it is over",
    ],
)
def test_what_holds_no_password_stays(text: str) -> None:
    assert without_password(text) == text


def test_a_spec_is_kept_without_passwords() -> None:
    spec = {"tracking": {"uri": "postgresql://u@db/m?password=secret"}, "notify": {"webhook": "https://chat/secret"}}
    assert without_secrets(spec) == {"tracking": {"uri": "postgresql://u@db/m?password=***"}, "notify": {"webhook": "***"}}


def test_a_value_is_shown_without_its_password() -> None:
    assert shown("postgres://ann:secret@h") == "'postgres://ann:***@h'"
    assert "secret" not in shown(f"postgres://ann:{'secret' * 20}@h")


@pytest.mark.parametrize("parts", [{"tracking": {"uri": "postgres://ann:secret@h"}}, {"ledger": "postgres://ann:secret@h"}])
def test_a_mistyped_scheme_shows_no_password(parts: dict[str, object], tmp_path: Path) -> None:
    spec = {"name": "s", "data": {"source": "sklearn", "name": "iris"}, "space": {"learning_rate": [0.1]}, **parts}
    with pytest.raises(Exception, match=r"URL such as .*got 'postgres://ann:\*\*\*@h'"):
        spec_from_mapping(spec, tmp_path)


def test_errors_of_the_registry_show_no_password() -> None:
    registry = ModelRegistry("http://ann:secret@127.0.0.1:1")

    def refuse(name: str) -> None:
        raise ConnectionError(f"API request to http://ann:secret@127.0.0.1:1/{name} failed")

    registry._client.get_registered_model = refuse  # type: ignore[method-assign, assignment]
    with pytest.raises(Exception, match=r"MLflow at http://ann:\*\*\*@127") as caught:
        registry.champion("cancer")
    assert "secret" not in str(caught.value)
