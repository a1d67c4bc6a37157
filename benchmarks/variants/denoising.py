"""Denoising autoencoders, and codes that survive noise."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import pictures
from benchmarks.report import Aim, Result
from benchmarks.variants.measures import psnr
from benchmarks.variants.study import Study
from sklearn_ae.corruption import GaussianNoise, MaskingNoise, SaltAndPepperNoise
from sklearn_ae.latents import Noisy

_N_COMPONENTS = 32
_EPOCHS = 12
_STD = 0.4  # of the Gaussian noise, pixels being in [0, 1]
_P_MASK = 0.5
_P_SALT_AND_PEPPER = 0.3
_CODE_SCALE = 0.5
_N_PICTURED = 5

Noise = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def denoising(study: Study) -> Result:
    """Reconstructions of noisy images that are nearer to the clean ones."""
    data = study.data
    clean, chosen = data.X_test, study.pictured(_N_PICTURED)
    pca, plain = study.pca(_N_COMPONENTS), study.fit(_N_COMPONENTS, _EPOCHS)
    lines, aims, groups = [], [], {}
    for name, (corruption, add_noise) in noises(data.X_train).items():
        noisy = add_noise(clean, study.rng())
        denoiser = study.fit(_N_COMPONENTS, _EPOCHS, corruption=corruption)
        images = {
            "noisy": noisy,
            "PCA": pca.inverse_transform(pca.transform(noisy)),
            "plain": plain.reconstruct(noisy),
            "denoising": denoiser.reconstruct(noisy),
        }
        ratios = {method: psnr(image, clean) for method, image in images.items()}
        lines.append({"noise": name} | ratios)
        aims += [
            Aim(f"{name}: PSNR above {method}'s", ratios["denoising"], ">", ratios[method])
            for method in ("PCA", "plain")
        ]
        rows = [clean, *images.values()]
        labels = ("clean", "noisy", "PCA", "plain autoencoder", "Autoencoder, denoising")
        groups[name] = {label: row[chosen] for label, row in zip(labels, rows, strict=True)}
    title = f"{study.dataset}: noisy test images, reconstructed from {_N_COMPONENTS} numbers"
    pictures.draw_mosaics(groups, study.image_shape, title, study.file("denoising"))
    settings = (
        f"PSNR in dB; 128-64-{_N_COMPONENTS} with linear path, {study.epochs(_EPOCHS)} epochs; "
        "PCA and plain: fitted on clean images; salt and pepper: the largest and the smallest "
        "value of each pixel over the training images"
    )
    return Result(settings, lines, aims)


def noisy_code(study: Study) -> Result:
    """Images that can still be read from a disturbed code."""
    X = study.data.X_test
    methods: dict[str, Any] = {
        "PCA": study.pca(_N_COMPONENTS),
        "plain": study.fit(_N_COMPONENTS, _EPOCHS),
        f"noise of {_CODE_SCALE:g} in training": study.fit(
            _N_COMPONENTS, _EPOCHS, latent=Noisy(_CODE_SCALE)
        ),
    }
    noise = study.rng().normal(size=(len(X), _N_COMPONENTS))
    lines = []
    for name, method in methods.items():
        codes = method.transform(X)
        disturbed = codes + _CODE_SCALE * codes.std(axis=0) * noise
        lines.append(
            {
                "": name,
                "PSNR, code disturbed": psnr(method.inverse_transform(disturbed), X),
                "PSNR, code as it is": psnr(method.inverse_transform(codes), X),
                "test MSE": study.error(method),
            }
        )
    key = "PSNR, code disturbed"
    aims = [
        Aim(f"{key}, above {line['']}'s", lines[-1][key], ">", line[key]) for line in lines[:-1]
    ]
    settings = (
        f"PSNR in dB; 128-64-{_N_COMPONENTS} with linear path, {study.epochs(_EPOCHS)} epochs; the "
        f"disturbance: normal, {_CODE_SCALE:g} standard deviations of each entry of the code"
    )
    return Result(settings, lines, aims)


def noises(X: np.ndarray) -> dict[str, tuple[Any, Noise]]:
    """Give each noise twice: for training, and as a function of images and random numbers."""
    low, high = X.min(axis=0), X.max(axis=0)
    unit = np.sqrt(X.var(axis=0).mean())  # what the estimator divides the data by

    def gaussian(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return images + _STD * rng.standard_normal(images.shape, np.float32)

    def masking(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return images * (rng.random(images.shape, np.float32) >= _P_MASK)

    def salt_and_pepper(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        draw = rng.random(images.shape, np.float32)
        replaced = np.where(draw < _P_SALT_AND_PEPPER / 2, low, high)
        return np.where(draw < _P_SALT_AND_PEPPER, replaced, images)

    return {
        f"Gaussian, sd = {_STD:g}": (GaussianNoise(float(_STD / unit)), gaussian),
        f"masking, p = {_P_MASK:g}": (MaskingNoise(_P_MASK), masking),
        f"salt and pepper, p = {_P_SALT_AND_PEPPER:g}": (
            SaltAndPepperNoise(_P_SALT_AND_PEPPER),
            salt_and_pepper,
        ),
    }
