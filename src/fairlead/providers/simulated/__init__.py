"""The simulated provider: scriptable models for the demo, the tests and the documentation.

    behaviour, lineup      how models behave; the ones shipped
    script, log            faults on order; what really happened, call by call
    ask, prose, schema     reading a request; words and how they are counted; instances of JSON schemas
    answer, render         what a model says; the same in OpenAI's bytes
    embedding              vectors of texts
    performance            the answer with its pauses and the fault that spoils it
    simulation             models + script + log: a turn for every request
    upstream, server       the two ways to it: within the process, and as an HTTP server's handler

Everything random is drawn from a seed made of the model and the request, so a run can be repeated. The ways
in (`upstream.SimulatedUpstream`, `server.SimulatedServer`) need asyncio and are imported by their modules.
"""

from fairlead.providers.simulated.behaviour import Behaviour, SimulatedModel
from fairlead.providers.simulated.lineup import DEFAULT_MODELS, LINEUP, LineupModel
from fairlead.providers.simulated.log import Entry, Log
from fairlead.providers.simulated.script import NORMAL, Fault, Script, fail
from fairlead.providers.simulated.simulation import Simulation

__all__ = [
    "DEFAULT_MODELS",
    "LINEUP",
    "NORMAL",
    "Behaviour",
    "Entry",
    "Fault",
    "LineupModel",
    "Log",
    "Script",
    "SimulatedModel",
    "Simulation",
    "fail",
]
