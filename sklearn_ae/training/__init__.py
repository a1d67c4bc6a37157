"""How modules are trained: the engine, skorch's net, optimizers, schedules. Knows no estimator."""

from sklearn_ae.training.checkpoint import Checkpoint, describe_parameters, fingerprint
from sklearn_ae.training.devices import check_device, compute_dtype
from sklearn_ae.training.engine import Course, Epoch, plan_course, train
from sklearn_ae.training.judge import Judge
from sklearn_ae.training.members import Members, Validation
from sklearn_ae.training.net import AutoencoderNet
from sklearn_ae.training.optimizers import FULL_BATCH_OPTIMIZERS, OPTIMIZERS, load_state
from sklearn_ae.training.schedules import RISING, SCHEDULES
from sklearn_ae.training.threads import count_operations, threads_by_size
from sklearn_ae.training.together import Run, Together

__all__ = [
    "FULL_BATCH_OPTIMIZERS",
    "OPTIMIZERS",
    "RISING",
    "SCHEDULES",
    "AutoencoderNet",
    "Checkpoint",
    "Course",
    "Epoch",
    "Judge",
    "Members",
    "Run",
    "Together",
    "Validation",
    "check_device",
    "compute_dtype",
    "count_operations",
    "describe_parameters",
    "fingerprint",
    "load_state",
    "plan_course",
    "threads_by_size",
    "train",
]
