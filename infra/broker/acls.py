"""Access control lists of the broker: added where they are missing, never taken away."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from infra.broker.admin import admin_client
from infra.broker.errors import BrokerError
from infra.settings import Settings

_DEADLINE_S = 30.0
_KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
    "cluster": ResourceType.BROKER,  # librdkafka's name for it
}
_ANY_HOST = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Permission:
    """``principal`` (``User:…``) may do ``operation`` on the thing ``name``, or all whose names begin so."""

    principal: str
    kind: str
    name: str
    prefixed: bool
    operation: str


def add_permissions(settings: Settings, wanted: Iterable[Permission]) -> list[Permission]:
    """Add those that the broker doesn't have yet and return them. Raises ``BrokerError``.

    A broker without an authorizer, and a user who may not, are told apart in the message.
    """
    admin = admin_client(settings)
    bindings = {_binding(one): one for one in wanted}
    try:
        known = set(admin.describe_acls(_everything(), request_timeout=_DEADLINE_S).result())
        missing = [binding for binding in bindings if binding not in known]
        if missing:
            for future in admin.create_acls(missing, request_timeout=_DEADLINE_S).values():
                future.result()
    except KafkaException as error:
        raise BrokerError(_refused(error.args[0])) from error
    return [bindings[binding] for binding in missing]


def _refused(error: KafkaError) -> str:
    if error.code() == KafkaError.SECURITY_DISABLED:
        return "this broker has no authorizer: set authorizer.class.name on every broker, then ACLs hold"
    if error.code() == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
        return "this Kafka user may not change ACLs (Alter on the cluster): use one of the broker's super.users"
    return f"ACLs can't be set: {error.str()}"


def _binding(one: Permission) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if one.prefixed else ResourcePatternType.LITERAL
    operation = AclOperation[_upper(one.operation)]
    return AclBinding(_KINDS[one.kind], one.name, pattern, one.principal, _ANY_HOST, operation, AclPermissionType.ALLOW)


def _everything() -> AclBindingFilter:
    nothing: Any = None  # as a filter: whatever it is
    return AclBindingFilter(
        ResourceType.ANY, nothing, ResourcePatternType.ANY, nothing, nothing, AclOperation.ANY, AclPermissionType.ANY
    )


def _upper(operation: str) -> str:
    """``DescribeConfigs`` → ``DESCRIBE_CONFIGS``."""
    return "".join(
        f"_{letter}" if letter.isupper() and place else letter for place, letter in enumerate(operation)
    ).upper()
