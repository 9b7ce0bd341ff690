"""What the rules ask of the configuration for studies."""

from __future__ import annotations

from gradewise.planning import Plan
from gradewise.studies.config import StudiesConfig


class StudiesPlan(Plan):
    """What the configuration asks of the rules, studies included."""

    config: StudiesConfig

    def shown_views(self, dataset: str) -> set[str]:
        """Views that a dataset's models look through, and those whose samples a study shows."""
        shown = [getattr(study, "views", ()) for study in self.config.studies_of(dataset).values()]
        return {model.view for model in self.config.fitted(dataset).values()}.union(*shown)

    def used_views(self, dataset: str) -> set[str]:
        """As `Plan.used_views`, with those that studies show."""
        return super().used_views(dataset) | self.shown_views(dataset)
