"""What a request is made of and may come to, worked out when somebody asks for it.

A ceiling, a tenant key's limit and a choice between keys go by the estimate, and so does learning from reports.
Where none of these is, as for most requests of a gateway without limits, the body is never looked at for it.
"""

from gateway.charge import Estimate, Makeup
from gateway.dialects.document import Document
from gateway.pipeline.estimate import Estimator
from gateway.pipeline.in_parts import reads_in
from gateway.pipeline.makeup import form_makeup, makeup
from gateway.pipeline.needs import NOTHING, needs
from gateway.pipeline.router import Candidates
from gateway.record import Record


class Sizing(Record, eq=False):
    """As `exchange.Sizing`: of a request for `model`, the target that is asked first."""

    source: Document | int  # a JSON body whose fields were checked, or the size of a form
    endpoint: str
    estimator: Estimator
    tenant: str
    route: str
    model: str
    candidates: Candidates
    _makeup: Makeup | None = None
    _estimate: Estimate | None = None
    _needs: frozenset[str] | None = None

    def makeup(self) -> Makeup:
        made_of = self._makeup
        if made_of is None:
            source, endpoint = self.source, self.endpoint
            made_of = form_makeup(endpoint, source) if isinstance(source, int) else makeup(source, endpoint)
            self._makeup = made_of
        return made_of

    def estimate(self) -> Estimate:
        estimate = self._estimate
        if estimate is None:
            made_of = self.makeup()
            estimate = self._estimate = self.estimator.estimate(made_of, self.tenant, self.route, self.model)
        return estimate

    def reads(self) -> int:
        made_of = self.makeup()
        if made_of.choices == 1:
            return 1
        asked = self.endpoint
        return max(reads_in(asked, target, made_of) for target in self.candidates.every_target)

    def needs(self) -> frozenset[str]:
        found = self._needs
        if found is None:
            source = self.source
            found = self._needs = NOTHING if isinstance(source, int) else needs(source, self.makeup())
        return found

    def let_go(self) -> None:
        if not isinstance(self.source, int):
            self.makeup()
            self.source.let_go()
