"""
PCA beside an autoencoder
=========================

How well do eight numbers tell a digit?
"""

from sklearn.datasets import load_digits

from sklearn_ae import AutoencoderTransformer

X = load_digits().data
autoencoder = AutoencoderTransformer(n_components=8, random_state=0).fit(X)
