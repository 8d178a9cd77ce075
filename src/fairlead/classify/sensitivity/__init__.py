"""What makes a request sensitive by its words: personal data, secrets, the operator's own terms."""

from fairlead.classify.sensitivity.body import strings
from fairlead.classify.sensitivity.detector import Detector, pieces

__all__ = ["Detector", "pieces", "strings"]
