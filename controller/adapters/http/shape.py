"""How everything is spelled that the REST API answers."""

from pydantic import BaseModel, ConfigDict

from controller.domain.naming import camel


class Shape(BaseModel):
    """Spelled as the Kubernetes API spells its fields."""

    model_config = ConfigDict(alias_generator=camel, populate_by_name=True, frozen=True)
