"""The layers for which tests/recurrent/test_shape_laws.py tries what holds for all."""

from ebm.networks.sequential import Sequential
from ebm.recurrent.architecture import recurrent_layers
from ebm.recurrent.bidirectional import Bidirectional
from ebm.recurrent.deep_transition import DeepTransitionCell
from ebm.recurrent.dropout import SequenceDropout
from ebm.recurrent.layer import Recurrent
from ebm.recurrent.lstm import LSTMCell
from ebm.recurrent.pooling import BothEnds, MeanFrame
from ebm.recurrent.scrn import SCRNCell
from ebm.recurrent.simple import SimpleCell
from tests.recurrent.shape_cases import Case

DROPPING = {
    "tanh": {},
    "lstm": {},
    "lstm_peephole": {},
    "gru": {},
    "gru_before": {},
    "scrn": {"context_units": 2},
    "deep_transition": {"depth": 3, "shortcut": True},
}
DEEP = DeepTransitionCell(5, activation="sigmoid", depth=3, shortcut=True)
CASES = [
    Case("scrn", Recurrent(SCRNCell(5, 3, 0.7))),
    Case("scrn, learnt", Recurrent(SCRNCell(5, 3, 0.7, learn_alpha=True), backwards=True)),
    Case("deep, 1", Recurrent(DeepTransitionCell(5, depth=1))),
    Case("deep, 2", Recurrent(DeepTransitionCell(5))),
    Case("deep, 3, shortcut", Recurrent(DEEP)),
    Case("both ways", Bidirectional(SimpleCell(5))),
    Case("both ways, scrn", Bidirectional(SCRNCell(5, 2, 0.6, learn_alpha=True))),
    Case("ends", BothEnds()),
    Case("means", MeanFrame()),
    Case("sequence dropout", SequenceDropout(0.4), training=True),
    Case("sequence dropout, prediction", SequenceDropout(0.4)),
    Case("two layers both ways", Sequential(recurrent_layers("lstm", 3, depth=2, bidirectional=True))),
    Case("many to one", Sequential([Bidirectional(LSTMCell(3)), BothEnds()])),
    Case(
        "dropout between",
        Sequential(recurrent_layers("tanh", 4, depth=3, dropout=0.4, deep_output=(3,))),
        training=True,
    ),
    Case(
        "variational",
        Sequential(recurrent_layers("lstm", 4, depth=2, bidirectional=True, dropout=0.4, variational=True)),
        training=True,
    ),
    *(
        Case(f"{name} that drops", *recurrent_layers(name, 5, recurrent_dropout=0.4, options=options), training=True)
        for name, options in DROPPING.items()
    ),
]
