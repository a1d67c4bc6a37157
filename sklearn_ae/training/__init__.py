"""How a module is trained: skorch's net, batches, optimizers. Knows no estimator."""

from sklearn_ae._data.rows import Batches, Rows
from sklearn_ae.training.decoder import fit_decoder, try_decoders
from sklearn_ae.training.devices import check_device, compute_dtype
from sklearn_ae.training.monitor import Judging, Monitor
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.optimizers import FULL_BATCH_OPTIMIZERS, OPTIMIZERS
from sklearn_ae.training.schedules import SCHEDULES
from sklearn_ae.training.threads import count_operations
from sklearn_ae.training.together import can_train_together, train_together

__all__ = [
    "FULL_BATCH_OPTIMIZERS",
    "OPTIMIZERS",
    "SCHEDULES",
    "AutoencoderNet",
    "Batches",
    "Judging",
    "Monitor",
    "Rows",
    "can_train_together",
    "check_device",
    "compute_dtype",
    "count_operations",
    "fit_decoder",
    "train_together",
    "try_decoders",
]
