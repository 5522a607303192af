"""What a user may set, as frozen dataclasses; the command line is generated from them, their docstrings are its help.

Nothing here loads torch.
"""

from randquant.settings.bench import BenchSettings
from randquant.settings.choices import (
    Device,
    Precision,
    Protocol,
    Schedule,
    Submit,
    Suite,
)
from randquant.settings.choose import ChooseSettings
from randquant.settings.data import DataSettings
from randquant.settings.doctor import DoctorSettings
from randquant.settings.embed import EmbedSettings
from randquant.settings.encoder import BENCHMARK_ENCODER, LARGER, SMALLER, EncoderSettings
from randquant.settings.export import ExportSettings
from randquant.settings.finetune import FinetuneSettings
from randquant.settings.method import MethodSettings
from randquant.settings.pretrain import DABS, WITHOUT_EFFECT, PretrainSettings, defaults_of
from randquant.settings.preview import PreviewSettings
from randquant.settings.probe import ProbeSettings
from randquant.settings.quickstart import QuickstartSettings
from randquant.settings.reading import ReadingSettings
from randquant.settings.recipe import RecipeSettings
from randquant.settings.report import ReportSettings
from randquant.settings.supervise import AUGMENTED, SuperviseSettings
from randquant.settings.view import ViewSettings

__all__ = [
    "EncoderSettings",
    "SMALLER",
    "LARGER",
    "BENCHMARK_ENCODER",
    "MethodSettings",
    "PretrainSettings",
    "WITHOUT_EFFECT",
    "DABS",
    "defaults_of",
    "ProbeSettings",
    "DataSettings",
    "FinetuneSettings",
    "EmbedSettings",
    "SuperviseSettings",
    "AUGMENTED",
    "QuickstartSettings",
    "BenchSettings",
    "ChooseSettings",
    "RecipeSettings",
    "ReportSettings",
    "PreviewSettings",
    "DoctorSettings",
    "ViewSettings",
    "ExportSettings",
    "ReadingSettings",
    "Device",
    "Precision",
    "Protocol",
    "Schedule",
    "Submit",
    "Suite",
]
