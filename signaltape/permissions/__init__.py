"""Who may do what in Kafka: one table of roles, from which commands, ACLs and the documentation are made."""

from signaltape.permissions.rights import Right, rights_of
from signaltape.permissions.roles import ROLES, Role, role_named

__all__ = ["ROLES", "Right", "Role", "rights_of", "role_named"]
