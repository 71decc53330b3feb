"""The fast form of a network: compiled once a machine, held to the answers of the plain form, loaded everywhere.

`graph` is what is compiled, `child` compiles it in a process of its own, `fidelity` is the gate, `engine` runs it, and
`compiler` is the door: a predictor in, the same predictor with the fastest form that may be used out.
"""

from models.compile.compiler import NOT_YET, Compiler, Mode
from models.compile.verdict import Verdict

__all__ = ["NOT_YET", "Compiler", "Mode", "Verdict"]
