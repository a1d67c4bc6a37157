"""The codes of the transformer: moved to where their reconstructions are nearest, and arranged."""

from numbers import Integral
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from sklearn_ae._base import BaseAutoencoder
from sklearn_ae._inspection.components import divide_explained_variance
from sklearn_ae.nn import Latent
from sklearn_ae.training import (
    FULL_BATCH_OPTIMIZERS,
    AutoencoderNet,
    Judging,
    Monitor,
    Rows,
    can_train_together,
    count_operations,
    fit_decoder,
    try_decoders,
)

# For transform_max_iter="auto": steps, and the operations that decoding a row and taking the
# gradient may cost, for transform not to take much longer than those who wait for it expect.
_N_STEPS, _MAX_OPERATIONS = 20, 600_000
# Steps after which held-out rows are judged, most of the way, and how often in a long training: it
# takes about as long as an epoch.
_N_STEPS_TO_JUDGE, _N_JUDGEMENTS = 5, 30
# Number of the optimizer's steps that the decoder is trained for alone, where max_iter="auto", and
# the least and the largest number of epochs.
_N_DECODER_STEPS, _MIN_DECODER_EPOCHS, _MAX_DECODER_EPOCHS = 1300, 10, 50


class CodeTransformer(BaseAutoencoder):
    """Base class of the transformer: what `transform_max_iter` does, and components."""

    transform_max_iter: Any
    latent: Any

    _parameter_constraints: dict[str, list[Any]] = {
        **BaseAutoencoder._parameter_constraints,
        "transform_max_iter": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
    }

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.net_.module_.encode_nearest(x, self._n_steps_to_nearest(self.net_))

    def _reconstruct(self, x: torch.Tensor) -> torch.Tensor:
        return self.net_.module_.decode(self._encode(x))

    def _residual(self, x: torch.Tensor) -> torch.Tensor:
        return self.net_.module_.residual(x, self._encode(x))

    def _n_steps_to_nearest(self, net: AutoencoderNet) -> int:
        """Give how many steps of the code towards the row follow the encoder."""
        if self.transform_max_iter != "auto":
            return int(self.transform_max_iter)
        module = net.module_
        is_meant = (
            type(module.latent) is Latent
            and module.corruption is None
            and net.criterion_.is_squared_error
        )
        # Unknown, and therefore not below, where there are not only matrix products.
        is_cheap = count_operations(module.decoder, batch_size=1) <= _MAX_OPERATIONS
        return _N_STEPS if is_meant and is_cheap else 0

    def _judging(self, net: AutoencoderNet, max_epochs: int) -> Judging:
        n_steps = min(self._n_steps_to_nearest(net), _N_STEPS_TO_JUDGE)
        if n_steps == 0:
            return Judging()
        every = max_epochs // _N_JUDGEMENTS
        if self.n_iter_no_change is not None:
            every = min(every, self.n_iter_no_change // 2)
        return Judging(n_steps, max(1, every))

    def _fit_decoder(self, net: AutoencoderNet, parts: tuple[Rows, Rows | None]) -> None:
        settings = self._decoder_settings(net, len(parts[0]))
        if settings is not None:
            fit_decoder(net, *parts, **settings)

    def _may_fit_decoder(self, net: AutoencoderNet, n_rows: int) -> bool:
        return self._decoder_settings(net, n_rows) is not None

    def _pays_to_fit_decoder(
        self, nets: list[AutoencoderNet], parts: list[tuple[Rows, Rows]]
    ) -> bool:
        settings = self._decoder_settings(nets[0], max(len(rows) for rows, _ in parts))
        assert settings is not None, "asked before"
        training = [rows for rows, _ in parts]
        if can_train_together(nets, training, settings["batch_size"]):
            losses = try_decoders(nets, parts, **settings)
        else:
            losses = []
            for net, its_parts in zip(nets, parts, strict=True):
                losses.append(fit_decoder(net, *its_parts, **settings))
                if net.interrupted_:
                    break
        before, after = np.mean(losses, axis=0)
        return bool(after < before)

    def _decoder_settings(self, net: AutoencoderNet, n_rows: int) -> dict[str, Any] | None:
        """Give how to train the decoder alone, or None where that does not follow."""
        n_steps = self._n_steps_to_nearest(net)
        follows = (
            n_steps > 0
            and self.max_iter == "auto"
            and net.criterion_.is_squared_error
            and net.l1_penalty == 0
            and self.optimizer not in FULL_BATCH_OPTIMIZERS
            and any(weights.requires_grad for weights in net.module_.decoder.parameters())
        )
        if not follows:
            return None
        batch_size = self._batch_size(n_rows)
        n_epochs = _N_DECODER_STEPS // -(-n_rows // batch_size)
        return {
            "learning_rate": self.learning_rate,
            "batch_size": batch_size,
            "n_epochs": min(max(n_epochs, _MIN_DECODER_EPOCHS), _MAX_DECODER_EPOCHS),
            "n_steps": n_steps,
        }

    def _fitted_attributes(
        self, net: AutoencoderNet, monitor: Monitor, rows: Rows, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        attributes = super()._fitted_attributes(net, monitor, rows, *args, **kwargs)
        ratio = divide_explained_variance(
            net,
            rows,
            # Codes of a stream stay comparable from one part of it to the next.
            arrange=not kwargs.get("on_stream", False),
            n_steps=self._n_steps_to_nearest(net),
        )
        return attributes | {"explained_variance_ratio_": ratio}

    def _check_rows(self, *args: Any, **kwargs: Any) -> Rows:
        if self.latent is not None and self.transform_max_iter not in ("auto", 0):
            raise ValueError(
                f"transform_max_iter={self.transform_max_iter!r} has no meaning with "
                f"latent={self.latent!r}: nearer to the row, a code would not keep to what the "
                "latent asks of it. Use 'auto' or 0."
            )
        return super()._check_rows(*args, **kwargs)
