"""What a user may set, as frozen dataclasses; the command line is generated from them, their docstrings are its help.

Nothing here loads torch.
"""

from randquant.settings.bench import BenchSettings
from randquant.settings.choices import (
    Device,
    Precision,
    Protocol,
    Schedule,
    Suite,
)
from randquant.settings.choose import ChooseSettings
from randquant.settings.data import DataSettings
from randquant.settings.encoder import BENCHMARK_ENCODER, EncoderSettings
from randquant.settings.finetune import FinetuneSettings
from randquant.settings.method import MethodSettings
from randquant.settings.pretrain import DABS, WITHOUT_EFFECT, PretrainSettings, defaults_of
from randquant.settings.probe import ProbeSettings
from randquant.settings.quickstart import QuickstartSettings
from randquant.settings.recipe import RecipeSettings
from randquant.settings.report import ReportSettings

__all__ = [
    "EncoderSettings",
    "BENCHMARK_ENCODER",
    "MethodSettings",
    "PretrainSettings",
    "WITHOUT_EFFECT",
    "DABS",
    "defaults_of",
    "ProbeSettings",
    "DataSettings",
    "FinetuneSettings",
    "QuickstartSettings",
    "BenchSettings",
    "ChooseSettings",
    "RecipeSettings",
    "ReportSettings",
    "Device",
    "Precision",
    "Protocol",
    "Schedule",
    "Suite",
]
